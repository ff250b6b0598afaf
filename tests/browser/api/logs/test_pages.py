"""The page of the logs in Chromium: searched by the keyboard, on a phone, in the dark."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert

from flows.agents.models import AppLog
from flows.common.database import now, transaction
from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, begin_visit

pytestmark = pytest.mark.browser

chromium = visits.chromium
TRACE = (
    "the scan failed; it is tried again\nTraceback (most recent call last):\n  File x\nValueError"
)
RUN = str(uuid.uuid4())


@pytest.fixture
def records(database):
    about = {"request_id": "41", "flow_run_id": RUN, "action": "submit_task"}
    shown = [
        ("api", 20, "INFO", "Application startup complete.", None),
        ("run", 20, "INFO", "Beginning flow run 'submit_task-41-1'", about),
        ("run", 30, "WARNING", "PanDA does not answer " + "x" * 400, about),
        ("scanner", 40, "ERROR", TRACE, None),
    ]
    with transaction(database.ops_engine) as session:
        for part, level, name, message, extra in shown:
            session.execute(
                insert(AppLog).values(
                    app_name=part, instance_name="here:7", timestamp=now(), level=level,
                    levelname=name, message=message, module="m", funcname="f", lineno=1,
                    process=7, thread=1, extra_data=extra,
                )
            )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "context"),
    [("logs", {}), ("logs-phone-dark", {"viewport": PHONE, "color_scheme": "dark"})],
)
def test_lines_are_searched_by_the_keyboard(chromium, served_api, records, name, context):
    visit = begin_visit(chromium, served_api.url, **context)
    page = visit.page
    visit.open("/logs/")
    expect(page.locator("#log tbody tr")).to_have_count(4)
    page.locator("#log summary").press("Enter")
    expect(page.locator("#log pre")).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0
    visit.shot(name)
    page.get_by_label("Text").fill("panda")
    page.get_by_label("Text").press("Enter")
    expect(page.locator("#log tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Lines of request 41").press("Enter")
    expect(page.locator("#log tbody tr")).to_have_count(2)
    visit.shot(f"{name}-request")
    page.context.close()
    assert (visit.complaints, visit.strangers) == ([], [])
