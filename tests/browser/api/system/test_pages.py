"""The page of the system in Chromium: live, and messages that were set aside are settled."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from flows.common.callers import Scope
from flows.common.models import PartKind
from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, begin_visit
from tests.support import requests
from tests.support.system import (
    announce,
    beat,
    connect_bridge,
    hear_agent,
    put_aside,
    settle_asked,
    silence,
)

pytestmark = pytest.mark.browser

chromium = visits.chromium


@pytest.fixture
def token_scopes():
    return frozenset({Scope.READ, Scope.OPERATE})


@pytest.fixture
def engine(database):
    return database.ops_engine


@pytest.fixture
def visit(chromium, served_api):
    visit = begin_visit(chromium, served_api.url)
    visit.sign_in(served_api.token)
    visit.page.on("dialog", lambda dialog: dialog.accept())
    yield visit
    visit.page.context.close()
    assert (visit.complaints, visit.strangers) == ([], [])


def message(visit, number):
    return visit.page.locator(f'#set-aside tr[data-message="{number}"]')


def test_events_and_what_else_is_new_appear_by_themselves(visit, engine):
    connect_bridge(engine)
    visit.open("/system/")
    visit.expect_live()
    expect(visit.page.locator('tr[data-part="bridge"]')).to_contain_text("connected")
    hear_agent(engine, "data-1", description="takes STFs")
    silence(engine, PartKind.BRIDGE)
    announce(engine, {"msg_type": "stf_gen", "filename": "swf.7.stf"})
    expect(visit.page.locator("#events tbody tr").first).to_contain_text("filename swf.7.stf")
    expect(visit.page.locator('tr[data-agent="data-1"]')).to_contain_text("takes STFs")
    expect(visit.page.locator('tr[data-part="bridge"]')).to_contain_text("away")
    expect(visit.page.locator("#whole")).to_contain_text("The bridge to the message bus is away")


def test_a_message_is_dropped_and_another_taken_again_by_their_buttons(visit, engine):
    put_aside(engine, b"first", b"second")
    visit.open("/system/")
    visit.expect_live()
    message(visit, 1).get_by_role("button", name="Drop").click()
    expect(message(visit, 1)).to_contain_text("being settled: request 1")
    expect(message(visit, 1).get_by_role("button", name="Drop")).to_be_disabled()
    settle_asked(engine)
    expect(message(visit, 1)).to_have_count(0)
    message(visit, 2).get_by_role("button", name="Retry").press("Enter")
    expect(message(visit, 2)).to_contain_text("being settled: request 2")
    settle_asked(engine)
    expect(message(visit, 2)).to_contain_text("waits for the bridge, by tester")


def test_what_is_unfolded_stays_so_when_the_page_is_brought_up_to_date(visit, engine):
    hear_agent(engine, "gone", status="EXITED", operational_state="EXITED")
    visit.open("/system/")
    visit.expect_live()
    visit.page.locator("#exited > summary").click()
    announce(engine, {"msg_type": "end_run"})
    expect(visit.page.locator("#events tbody tr")).to_have_count(1)
    expect(visit.page.locator('tr[data-agent="gone"]')).to_be_visible()


CREDENTIALS = [
    {"kind": kind, "not_after": not_after, "problem": problem, "is_renewed": is_renewed}
    for kind, not_after, problem, is_renewed in (
        ("x509 proxy of the payload logs", "2001-01-01T00:00:00+00:00", "expired at " * 9, False),
        ("x509 proxy of produced data", "2101-01-01T00:00:00+00:00", None, False),
        ("token of PanDA", "2001-01-01T00:00:00+00:00", None, True),
    )
]
LOOKS = {
    "light": {},
    "narrow-dark": {
        "viewport": PHONE,
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": "dark",
    },
}


@pytest.mark.parametrize("look", ["narrow-dark", pytest.param("light", marks=pytest.mark.slow)])
def test_the_page_is_seen(chromium, served_api, engine, look):
    """A screenshot to look at; the page is not wider than its screen, whatever words come."""
    beat(engine, PartKind.WORKER, credentials=CREDENTIALS)
    connect_bridge(engine, "broker_away", "unbroken" * 40)
    hear_agent(engine, "a" * 100, hostname="h" * 100, description="d" * 200, pid=2**31 - 1)
    put_aside(engine, b"x" * 900, reason="r" * 300)
    announce(engine, {"msg_type": "odd", "namespace": "n" * 100, "text": "t" * 300})
    requests.accept(engine, "s" * 200)
    visit = begin_visit(chromium, served_api.url, **LOOKS[look])
    visit.open("/system/")
    visit.expect_live()
    expect(visit.page.locator("time.ago").first).to_have_text(re.compile(r"\d+\u202fs ago"))
    visit.shot(f"system-{look}")
    assert visit.page.evaluate(OVERFLOW) <= 0
    assert (visit.complaints, visit.strangers) == ([], [])
    visit.page.context.close()
