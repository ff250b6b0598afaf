"""One stream for all tabs of a browser, a badge that is true, and pages that follow it."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from api.pcs.models import ProdTask, TaskStatus
from flows.common import events, standing
from flows.common.database import now, transaction
from flows.common.models import PartKind, Request
from flows.common.settings import settings
from flows.provenance.models import CompletionReport
from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, begin_visit
from tests.cutting_proxy import CuttingProxy
from tests.pcs_client import Pcs
from tests.sampled_run import messages_of, take_in

pytestmark = pytest.mark.browser

chromium = visits.chromium
TABS = 7
NO_WORKER = "delete window.SharedWorker"
STREAM_STATUS = "/api/messages/stream/status/"


@pytest.fixture
def visit(chromium, served_api):
    visit = begin_visit(chromium, served_api.url)
    yield visit
    visit.page.context.close()
    assert (visit.complaints, visit.strangers) == ([], [])


@pytest.fixture
def quick_heartbeats(monkeypatch):
    monkeypatch.setenv("PRODOPS_STREAM_HEARTBEAT_SECONDS", "0.5")
    settings.cache_clear()


def announce(database, msg_type, **body):
    with transaction(database.ops_engine) as session:
        events.commit(session, [events.message_event({"msg_type": msg_type, **body})])


def words(page):
    return page.locator("#connection-words")


def expect_announced(page, number):
    page.bring_to_front()  # a page that nobody sees is not drawn
    announced = page.locator('#runs [data-f="announced"]').first
    expect(announced).to_have_text(str(number))


# ------------------------------------------------------------------ one stream


@pytest.mark.slow
@pytest.mark.parametrize(
    "without",
    [
        pytest.param("", id="a-shared-worker"),
        pytest.param(NO_WORKER, id="a-leading-tab"),
    ],
)
def test_seven_tabs_load_at_once_and_share_one_stream(visit, served_api, database, api, without):
    context = visit.page.context
    context.add_init_script(without or "0")
    pages = [context.new_page() for _ in range(TABS)]
    for page in pages:
        page.goto(f"{served_api.url}/fastmon/", wait_until="commit")
    for page in pages:
        expect(words(page)).to_have_text("Live")
    take_in(database.ops_engine, messages_of(100123, 2))
    for page in pages:
        expect_announced(page, 2)
    assert api.get(STREAM_STATUS).json()["connected_clients"] == 1
    for page in pages[:3]:  # the leading tab is among them
        page.close()
    take_in(database.ops_engine, messages_of(100123, 3))
    for page in pages[3:]:
        expect_announced(page, 3)


@pytest.mark.slow
def test_a_browser_that_can_share_nothing_still_follows(visit, database):
    visit.follow_alone()
    visit.open("/fastmon/")
    visit.expect_live()
    take_in(database.ops_engine, messages_of(100123, 2))
    visit.expect_numbers(announced="2")


@pytest.mark.slow
def test_a_tab_of_other_events_gets_those_from_before_it_came(visit, database):
    """The stream is open for other types already, and has passed what this page wants."""
    visit.open("/requests/")
    visit.expect_live()
    other = visit.page.context.new_page()
    other.route("**/fastmon.js", lambda route: (take_in_two(database), route.continue_()))
    other.goto(f"{visit.url}/fastmon/")
    expect_announced(other, 2)


def take_in_two(database):
    take_in(database.ops_engine, messages_of(100123, 2))


# ------------------------------------------------------------------ a badge that is true


class HoldingProxy(CuttingProxy):
    """Passes answers on, unless it holds them: nothing comes, and nothing is cut."""

    def __init__(self, target) -> None:
        super().__init__(target)
        self.flows = threading.Event()
        self.flows.set()

    def may_pass(self, size: int) -> bool:
        self.flows.wait()
        return True


@contextmanager
def holding(served_api):
    with HoldingProxy(("127.0.0.1", served_api.port)) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
        serving.start()
        try:
            yield proxy, f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.flows.set()
            proxy.shutdown()
            serving.join(5)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_heartbeats")
def test_a_connection_that_died_without_a_word_is_not_live(chromium, served_api, database):
    with holding(served_api) as (proxy, url):
        visit = begin_visit(chromium, url)
        visit.open("/fastmon/")
        visit.expect_live()
        proxy.flows.clear()
        take_in_two(database)
        expect(words(visit.page)).to_have_text(re.compile(r"Reconnecting since \d\d:"))
        proxy.flows.set()
        visit.expect_live()
        visit.expect_numbers(announced="2")
        visit.page.context.close()
    assert visit.strangers == []


@pytest.mark.slow
def test_a_database_that_was_set_back_is_said_and_the_page_begins_anew(visit, database):
    take_in(database.ops_engine, messages_of(100123, 3))
    visit.open("/fastmon/")
    visit.expect_live()
    tables = "event, fastmon_inbox, fastmon_first_stf"
    with database.ops_engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    expect(words(visit.page)).to_have_text(re.compile("Live, begun anew at"))
    expect(visit.page.locator("#connection")).to_have_attribute(
        "title", re.compile("is not known here")
    )
    take_in(database.ops_engine, messages_of(7, 2))
    visit.expect_numbers(run="7", announced="2")


# ------------------------------------------------------------------ pages that follow


def test_an_open_list_and_an_open_task_follow_what_others_submit(visit, database, api):
    pcs = Pcs(api)
    task = pcs.make_task("s01")
    visit.open("/pcs/tasks/")
    visit.expect_live()
    other = visit.page.context.new_page()
    other.goto(f"{visit.url}/pcs/tasks/{task['composed_name']}/")
    expect(words(other)).to_have_text("Live")
    visit.page.locator(".pick").check()
    with transaction(database.ops_engine) as session:
        row = session.get(ProdTask, task["id"])
        row.status, row.panda_task_id = TaskStatus.SUBMITTED, 4711
    announce(database, "prodtask_submitted", task_name=task["name"], jedi_task_id="4711")
    expect(visit.page.locator('[data-f="jedi"]')).to_have_text("4711")
    expect(visit.page.locator(".pick")).to_be_checked()
    expect(other.locator("h1 .state")).to_have_text("submitted")
    expect(other.locator("#said")).to_have_text("Submitted as jediTaskID 4711")


def test_the_reports_follow_what_others_have_made(visit, database):
    visit.open("/pcs/reports/")
    visit.expect_live()
    expect(visit.page.locator("#reports")).to_contain_text("No report yet")
    with transaction(database.ops_engine) as session:
        session.add(CompletionReport(campaign="26.05.0", made_at=now(), body={}, markdown=""))
    announce(database, "completion_report_ready", campaign="26.05.0", ok=True, report_id=1)
    expect(visit.page.locator("#reports tbody th")).to_have_text("1")


@pytest.mark.slow
def test_a_request_that_waits_is_listed_without_any_event(visit, database):
    """No event tells of it before its run begins: the queue does."""
    visit.open("/requests/")
    visit.expect_live()
    ask(database)
    expect(visit.page.locator("#live tbody th")).to_have_text("1")
    visit.open("/requests/1/")
    expect(visit.page.locator("h1")).to_contain_text("queued")


def ask(database):
    with transaction(database.ops_engine) as session:
        session.add(Request(action="prune_history", parameters={}, requested_by="x", source="rest"))


# ------------------------------------------------------------------ the strip


def beat(database, *, answers=True):
    with transaction(database.ops_engine) as session:
        for kind in PartKind:
            standing.beat(session, kind, "here", prefect_answers=answers)


PATHS = ("", "fastmon/", "pcs/tasks/", "pcs/reports/", "requests/", "requests/1/", "docs")
LOOKS = {
    "light": {},
    "narrow-dark": {"viewport": PHONE, "is_mobile": True, "color_scheme": "dark"},
}


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_every_page_says_who_is_away_and_what_waits(chromium, served_api, database, look):
    visit = begin_visit(chromium, served_api.url, **LOOKS[look])
    strip = visit.page.locator("#strip")
    ask(database)
    beat(database)
    visit.open("/")
    expect(strip).to_contain_text("The worker and Prefect answer. 1 request waits since")
    visit.shot(f"strip-good-{look}")
    beat(database, answers=False)
    expect(strip).to_contain_text("Prefect has not answered since")
    for path in PATHS:
        beat(database, answers=False)  # what is not heard for 20 s is away
        visit.open(f"/{path}")
        expect(strip).to_contain_text("Prefect has not answered since")
        assert visit.page.evaluate(OVERFLOW) <= 0
        visit.shot(f"strip-away-{path.strip('/').replace('/', '-') or 'home'}-{look}")
    served_api.stop()
    expect(strip).to_contain_text("The server does not answer since")
    visit.page.context.close()
    served_api.start()
