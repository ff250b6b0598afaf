"""The live pages in Chromium: they follow the stream, survive breaks, and read well everywhere."""

from __future__ import annotations

import re
import threading
import time
import uuid

import pytest
from playwright.sync_api import expect

from api.fastmon.queries import live
from api.fastmon.queries.files import FILES_SHOWN
from api.fastmon.views import Wanted
from api.http import wording
from deployments.relay.messages import Belonging, RunState, flow_run_state
from flows.common import events
from flows.common.database import now, transaction
from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, begin_visit
from tests.sampled_run import begin_sampling, messages_of, sample, take_in

pytestmark = pytest.mark.browser

chromium = visits.chromium


@pytest.fixture
def visit(chromium, served_api):
    visit = begin_visit(chromium, served_api.url)
    yield visit
    visit.page.context.close()
    assert (visit.complaints, visit.strangers) == ([], [])


def post(served_api, messages):
    with served_api.client() as client:
        for message in messages:
            assert client.post("/api/messages/", json=message).status_code == 201


def play(database, messages, *, seconds: float, fraction: float = 1.0):
    """Take messages in and sample them bit by bit, over some seconds."""
    take_in(database.ops_engine, messages[:3])
    sampler = begin_sampling(database.ops_engine, selection_fraction=fraction)
    rest, steps = messages[3:], 20
    size = -(-len(rest) // steps)
    for start in range(0, len(rest), size):
        take_in(database.ops_engine, rest[start : start + size])
        sampler.serve_batch()
        time.sleep(seconds / steps)
    return sampler


def test_the_numbers_follow_the_messages(visit, served_api, database):
    visit.open("/fastmon/")
    visit.expect_live()
    expect(visit.page.locator("#no-runs")).to_be_visible()
    messages = messages_of(100123, 5, size_bytes=10**9)  # the last STF comes after the end
    post(served_api, messages[:-2])
    visit.expect_numbers(run="100123", announced="4", sampled="0", state="taking data")
    sample(database.ops_engine)
    post(served_api, messages[-2:])
    visit.expect_numbers(announced="5", sampled="4", tfs="28", state="ended")
    expect(visit.page.locator("#files tbody tr")).to_have_count(28)
    expect(visit.page.locator("#sampling tbody tr")).to_have_count(2)
    visit.expect_plot()


@pytest.mark.slow
def test_a_message_that_comes_again_counts_once(visit, served_api):
    visit.open("/fastmon/")
    visit.expect_live()
    messages = messages_of(100123, 3)
    post(served_api, messages + messages)
    visit.expect_numbers(announced="3")


@pytest.mark.slow
def test_live_numbers_are_those_of_the_server(visit, database):
    """Through snapshots on the way, a sampling run's end, and repeated messages."""
    visit.open("/fastmon/")
    visit.expect_live()
    messages = messages_of(100123, 120)
    sampler = play(database, messages, seconds=6, fraction=0.4)
    take_in(database.ops_engine, messages[:10])
    sampler.close(sampler.serve_batch(), if_empty=True)
    with transaction(database.web_engine) as session:
        [run] = live.take(session, Wanted()).runs
    visit.expect_numbers(announced="120", sampled=str(run.sampled), tfs=str(run.tfs))
    visit.page.reload()
    visit.expect_numbers(announced="120", sampled=str(run.sampled), tfs=str(run.tfs))


@pytest.mark.slow
def test_nothing_is_asked_again_by_the_clock(visit, served_api):
    post(served_api, messages_of(100123, 2))
    visit.open("/fastmon/")
    visit.expect_live()
    visit.expect_plot()
    visit.page.wait_for_timeout(1000)
    before = len(visit.asked)
    visit.page.wait_for_timeout(6000)
    assert visit.asked[before:] == []


@pytest.mark.slow
def test_a_break_is_told_and_nothing_of_it_is_missed(chromium, served_api, database):
    """The restarted server has another cookie key, so the page must also be admitted again."""
    visit = begin_visit(chromium, served_api.url)
    visit.open("/fastmon/")
    visit.expect_live()
    take_in(database.ops_engine, messages_of(100123, 2))
    visit.expect_numbers(announced="2")
    served_api.stop()
    words = visit.page.locator("#connection-words")
    expect(words).to_have_text(re.compile(r"Reconnecting since \d\d:\d\d:\d\d"))
    sample(database.ops_engine)
    served_api.start()
    visit.expect_live()
    visit.expect_numbers(announced="2", sampled="2", tfs="14")
    assert visit.strangers == []
    visit.page.context.close()


@pytest.mark.slow
def test_a_refused_stream_is_told_and_the_numbers_stay(chromium, monkeypatch, request, database):
    """A proxy that strips cookies and names its user on the pages only."""
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    served_api = request.getfixturevalue("served_api")
    take_in(database.ops_engine, messages_of(100123, 2))
    visit = begin_visit(chromium, served_api.url)
    visit.follow_alone()
    visit.page.route(re.compile("/fastmon/"), name_user)
    visit.open("/fastmon/")
    expect(visit.page.locator("#connection-words")).to_contain_text("Not live")
    visit.expect_numbers(announced="2")
    visit.page.route(re.compile("/api/messages/"), name_user)
    visit.page.get_by_role("button", name="Try again").click()
    visit.expect_live()
    visit.page.context.close()


def name_user(route):
    route.continue_(headers={**route.request.headers, "x-remote-user": "anna"})


@pytest.mark.slow
def test_a_heavy_stream_leaves_the_page_responsive(visit, database):
    """Some 1,600 events a second for four seconds: drawn by the frame, not by the event."""
    visit.open("/fastmon/")
    visit.expect_live()
    visit.expect_plot()
    browser = visit.page.context.new_cdp_session(visit.page)
    browser.send("Performance.enable")
    before = layouts(browser)
    feeder = threading.Thread(target=flood, args=(database.ops_engine, 4, 1600))
    feeder.start()
    visit.page.wait_for_timeout(1500)
    visit.page.locator("input[name=run]").fill("100123")
    feeder.join()
    visit.expect_numbers(tfs="5\u202f600", sampled="800", announced="800")
    expect(visit.page.locator("#files tbody tr")).to_have_count(FILES_SHOWN)
    assert layouts(browser) - before < 6400 / 8


def layouts(browser):
    """How often the browser has laid out the page: what costs the most of it."""
    metrics = browser.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "LayoutCount")


def flood(engine, seconds, per_second):
    """Events as the sampler writes them, without their rows: 1 `stf_ready` to 7 TFs."""
    stfs_per_turn = per_second // 8 // 10
    begin = time.monotonic()
    for turn in range(seconds * 10):
        numbers = range(turn * stfs_per_turn, (turn + 1) * stfs_per_turn)
        with transaction(engine) as session:
            events.commit(session, [event for number in numbers for event in stf_events(number)])
        time.sleep(max(0, begin + (turn + 1) / 10 - time.monotonic()))


def stf_events(number):
    stf = f"swf.100123.{number:06d}.stf"
    about = {"run_id": "100123", "namespace": "epic"}
    yield events.message_event({"msg_type": "stf_ready", "filename": stf, **about})
    for part in range(7):
        yield events.message_event(
            {
                "msg_type": "tf_file_registered",
                "tf_filename": f"{stf}_tf_{part:03d}.tf",
                "stf_filename": stf,
                "file_size_bytes": 10**7,
                "tf_first": part * 140,
                "tf_last": part * 140 + 20,
                **about,
            }
        )


@pytest.mark.slow
def test_the_requests_follow_their_flow_runs(visit, database):
    visit.open("/requests/")
    visit.expect_live()
    take_in(database.ops_engine, messages_of(100123, 1))
    tell_flow_run(database.ops_engine)
    row = visit.page.locator("#live tbody tr").first
    expect(row).to_contain_text("queued")
    row.get_by_role("link", name="JSON").focus()
    sample(database.ops_engine)
    expect(row).to_contain_text("completed")
    assert visit.page.evaluate("document.activeElement.id") == "json-1"
    row.locator("th a").click()
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("Request 1")
    expect(visit.page.locator("#live")).to_contain_text('"stfs": 1')


def tell_flow_run(engine):
    state = RunState(
        state_id=uuid.uuid4(), flow_run_id=uuid.uuid4(), state_type="PENDING",
        state_name="Pending", timestamp=now(),
    )  # fmt: skip
    event = flow_run_state(state, Belonging(1, "sample_stfs", None))
    with transaction(engine) as session:
        events.commit(session, [event])


def test_the_browser_words_numbers_as_the_server_does(visit):
    visit.open("/fastmon/")
    script = visit.page.locator('script[src*="fastmon.js"]').get_attribute("src")
    words = script.replace("fastmon.js", "words.js")
    told = visit.page.evaluate(
        """async ([words, values]) => {
            const { count, rate, share, volume } = await import(words);
            return values.map((value) =>
                [count(value), volume(value), share(value, 7000), rate(value / 7)]);
        }""",
        [words, VALUES],
    )
    assert told == [
        [
            wording.count(value),
            wording.volume(value),
            wording.share(value, 7000),
            wording.rate(value / 7),
        ]
        for value in VALUES
    ]


VALUES = [0, 1, 7, 63, 699, 1000, 6999, 123_456, 9_876_543_210, 10**15]


@pytest.mark.slow
def test_a_namespace_and_a_run_are_chosen_by_keyboard(visit, database):
    take_in(database.ops_engine, messages_of(7, 2, namespace="alpha"))
    take_in(database.ops_engine, messages_of(8, 3, namespace="beta"))
    visit.open("/fastmon/")
    expect(visit.page.locator("#runs tbody tr")).to_have_count(2)
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.locator("select[name=namespace]").focus()
    visit.page.keyboard.type("beta")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.type("8")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**/fastmon/?namespace=beta&run=8")
    expect(visit.page.locator("#runs tbody tr")).to_have_count(1)
    visit.expect_live()
    take_in(database.ops_engine, messages_of(9, 2, namespace="beta"))  # not asked for
    take_in(database.ops_engine, messages_of(8, 4, namespace="beta"))
    visit.expect_numbers(run="8", announced="4")
    expect(visit.page.locator("#runs tbody tr")).to_have_count(1)


LOOKS = {
    "light": {},
    "narrow-dark": {
        "viewport": PHONE,
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": "dark",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("look", ["narrow-dark", pytest.param("light", marks=pytest.mark.slow)])
def test_the_pages_are_seen(chromium, served_api, database, look):
    """Screenshots to look at; no page is wider than its screen."""
    take_in(database.ops_engine, messages_of(100122, 40, size_bytes=2 * 10**9))
    sample(database.ops_engine, 0.3)
    visit = begin_visit(chromium, served_api.url, **LOOKS[look])
    visit.open("/fastmon/")
    visit.expect_live()
    messages = messages_of(100123, 200, size_bytes=2 * 10**9)
    stf = next(each for each in messages if each["msg_type"] == "stf_ready")
    take_in(database.ops_engine, [{**stf, "run_id": "cosmics", "filename": "odd.stf"}])
    going = [each for each in messages if each["msg_type"] != "end_run"]
    play(database, going, seconds=1, fraction=0.5)
    visit.expect_numbers(run="100123", state="taking data")
    visit.expect_plot()
    visit.shot(f"fastmon-{look}")
    assert visit.page.evaluate(OVERFLOW) <= 0
    for name in ("requests", "login", ""):
        visit.open(f"/{name}/" if name else "/")
        visit.shot(f"{name or 'home'}-{look}")
        assert visit.page.evaluate(OVERFLOW) <= 0
    assert (visit.complaints, visit.strangers) == ([], [])
    visit.page.context.close()
