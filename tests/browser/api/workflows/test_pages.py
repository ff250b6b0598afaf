"""The pages of workflows in Chromium: started, followed in time, stopped."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from flows.common.settings import settings
from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, begin_visit
from tests.support.system import announce, announce_flow_run
from tests.support.workflows import Workflows

pytestmark = pytest.mark.browser

chromium = visits.chromium

REFUSED = "Failed to load resource: the server responded with a status of 4"


@pytest.fixture
def engine(database):
    return database.ops_engine


@pytest.fixture
def visit(chromium, served_api):
    visit = begin_visit(chromium, served_api.url)
    visit.sign_in(served_api.token)
    yield visit
    visit.page.context.close()
    others = [each for each in visit.complaints if not each.startswith(REFUSED)]
    assert (others, visit.strangers) == ([], [])


@pytest.fixture
def on_ops_side(database, monkeypatch):
    """Turns the settings to the ops side's role for as long as its flows run here."""

    @contextmanager
    def turned():
        with monkeypatch.context() as patch:
            patch.setenv("PRODOPS_DATABASE_URL", str(database.ops_url))
            patch.setenv("PRODOPS_DATABASE_PASSFILE", str(database.ops_passfile))
            settings.cache_clear()
            yield Workflows(database.ops_engine)
        settings.cache_clear()

    return turned


def begin(on_ops_side, engine):
    """Begin what was asked for on the page, and say so; gives the execution's id."""
    with on_ops_side() as workflows:
        execution = workflows.begin()
    announce_flow_run(engine, "run_workflow")
    return execution


def fill(visit, **fields):
    for name, value in fields.items():
        visit.page.locator(f"#start [name={name}]").fill(value)


def press_start(visit):
    visit.page.get_by_role("button", name="Start").click()


def test_a_workflow_is_started_appears_and_is_stopped(visit, engine, on_ops_side, api):
    visit.open("/workflows/")
    visit.expect_live()
    fill(visit, namespace="torre1", stf_count="3")
    visit.page.locator("#start [name=namespace]").press("Enter")
    expect(visit.page.locator("#accepted")).to_have_text("Request 1 is accepted.")
    expect(visit.page.locator("#waiting")).to_contain_text("in torre1")
    execution = begin(on_ops_side, engine)
    row = visit.page.locator("#executions tbody tr").first
    expect(row).to_contain_text("running")
    row.get_by_role("button", name="Stop").click()
    expect(visit.page.locator("#said")).to_have_text(f"{execution} is being stopped")
    asked = [api.get(f"/api/requests/{key}/").json() for key in (1, 2)]
    assert asked[0]["parameters"]["stf_count"] == 3
    assert (asked[1]["action"], asked[1]["parameters"]["execution_id"]) == (
        "stop_workflow", execution,
    )  # fmt: skip


def test_what_is_wrong_is_said_at_its_field(visit):
    visit.open("/workflows/")
    fill(visit, namespace="torre1", stf_count="-1")
    press_start(visit)
    expect(visit.page.locator("#problem-stf_count")).to_contain_text("greater than or equal to 0")
    expect(visit.page.locator("#start [name=stf_count]")).to_be_focused()
    visit.page.locator("#overrides-fold > summary").click()
    fill(visit, stf_count="1", overrides="daq_state_machine.stf_intervall = 2")
    press_start(visit)
    problem = visit.page.locator("#problem-overrides")
    expect(problem).to_contain_text("the nearest is 'stf_interval'")
    expect(visit.page.locator("#problem-stf_count")).to_be_hidden()


def test_the_same_asked_for_twice_is_one_request_and_another_is_refused(visit):
    visit.open("/workflows/")
    fill(visit, namespace="torre1")
    press_start(visit)
    expect(visit.page.locator("#accepted")).to_contain_text("Request 1 is accepted")
    press_start(visit)
    expect(visit.page.locator("#accepted")).to_contain_text("open already")
    fill(visit, stf_count="5")
    press_start(visit)
    expect(visit.page.locator("#refused")).to_contain_text("runs a workflow already (request 1)")


@pytest.mark.slow
def test_an_execution_is_drawn_while_it_runs(visit, engine, on_ops_side, api):
    with on_ops_side() as workflows:
        execution = workflows.begun(namespace="torre1")
    visit.open(f"/workflows/{execution}/")
    visit.expect_live()
    words = visit.page.locator("#timeline-words")
    expect(words).to_have_text(re.compile(r"^before for .*; 0 STFs$"))
    about = {"execution_id": execution, "run_id": "100010", "sender": "daq"}
    kinds = ("run_imminent", "start_run", "stf_gen")
    announce(engine, *({"msg_type": kind, **about} for kind in kinds))
    expect(words).to_have_text(re.compile("run for .*; 1 STF$"))
    visit.page.locator("#listed summary").first.click()
    announce(engine, {"msg_type": "stf_gen", "sequence": 2, **about})
    expect(visit.page.locator("#listed tbody tr").first).to_contain_text("sequence 2")
    expect(visit.page.locator("#listed pre").nth(1)).to_be_visible()
    expect(visit.page.locator('#participants tr[data-agent="daq"]')).to_contain_text("stf_gen 2")


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
def test_the_pages_are_seen(chromium, served_api, engine, on_ops_side, look):
    """Screenshots to look at; no page is wider than its screen."""
    with on_ops_side() as workflows:
        execution = workflows.begun(namespace="n" * 100)
    about = {"execution_id": execution, "run_id": "100010", "sender": "s" * 100}
    announce(engine, *({"msg_type": kind, **about} for kind in ("run_imminent", "start_run")))
    announce(engine, *({"msg_type": "stf_gen", "text": "t" * 300, **about} for _ in range(5)))
    visit = begin_visit(chromium, served_api.url, **LOOKS[look])
    for path, name in (("", "workflows"), (f"{execution}/", "workflow")):
        visit.open(f"/workflows/{path}")
        visit.expect_live()
        if not path:
            visit.page.locator("#start-fold > summary").click()
        visit.shot(f"{name}-{look}")
        assert visit.page.evaluate(OVERFLOW) <= 0
    assert (visit.complaints, visit.strangers) == ([], [])
    visit.page.context.close()
