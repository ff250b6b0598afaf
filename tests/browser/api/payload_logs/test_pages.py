"""Payload logs in Chromium: they come by themselves, are searched, fail and are fetched again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from flows.common.settings import settings
from flows.payload_logs.models import LogState, Step
from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, Visit, begin_visit
from tests.nginx_proxy import proxied
from tests.support.payload_logs.ready import JOB, NO_LOG, TASK, Logs, realistic_stdout

pytestmark = pytest.mark.browser

chromium = visits.chromium
TEXT = f"/panda/jobs/{JOB}/payload-log/"
PAGE = f"/panda/jobs/{JOB}/log/"
STDOUT = realistic_stdout(4000)
MEMBERS = {"payload.stdout": STDOUT, "payload.stderr": b"", "pilotlog.txt": b"pilot | INFO\n"}
TO_THE_END = "(log) => { log.scrollTop = log.scrollHeight; log.scrollIntoView({ block: 'end' }); }"
NOT_FOUND = re.compile(r"status of (404|502)")


@pytest.fixture
def logs(database, tmp_path, monkeypatch) -> Logs:
    monkeypatch.setenv("SWF_TMP_DIR", str(tmp_path))
    settings.cache_clear()
    return Logs(database, tmp_path)


@pytest.fixture
def visit(chromium, logs, served_api):
    visit = begin_visit(chromium, served_api.url)
    visit.sign_in(served_api.token)
    yield visit
    visit.page.context.close()
    complaints = [each for each in visit.complaints if not NOT_FOUND.search(each)]
    assert (complaints, visit.strangers) == ([], [])


def extent(page: Page):
    return page.locator("#extent")


def await_lines(page: Page, number: str) -> None:
    expect(extent(page)).to_have_text(f"{number} lines")


def shown(page: Page) -> str:
    """The first line that is in the visible part."""
    return page.evaluate(
        """() => { const top = document.getElementById("log").getBoundingClientRect().top;
        return [...document.querySelectorAll(".line")]
            .find((line) => line.getBoundingClientRect().bottom > top).dataset.n; }"""
    )


# ------------------------------------------------------------------ arriving


def test_the_log_comes_by_itself_with_its_steps_and_is_asked_for_once(visit, logs):
    page = visit.page
    visit.open(PAGE)
    visit.expect_live()
    logs.progress(Step.COPY, "copying 12 of 100 MB from BNL-XRD")
    expect(page.locator("#step-text")).to_have_text("copying 12 of 100 MB from BNL-XRD")
    expect(page.locator("[aria-current=step]")).to_have_text("Copy it from storage")
    logs.finish(MEMBERS)
    await_lines(page, "4\u202f019")
    expect(page.locator("h1 .state")).to_have_text("ready")
    expect(page.locator(".line").first).to_have_text(re.compile("Starting payload"))
    assert page.url.endswith(PAGE)
    assert len(logs.requests()) == 1


def test_a_reload_while_it_is_fetched_asks_for_nothing_more(visit, logs):
    visit.open(f"{PAGE}?force=1")
    waited = logs.open_request().id
    expect(visit.page).to_have_url(re.compile(rf"request={waited}$"))
    logs.fail("EIC-XRD: the door is closed")
    expect(visit.page.locator("#reason")).to_have_text("EIC-XRD: the door is closed")
    visit.page.reload()
    expect(visit.page.locator("#reason")).to_have_text("EIC-XRD: the door is closed")
    assert len(logs.requests()) == 1


def test_a_failure_is_shown_and_the_log_is_fetched_again_by_the_button(visit, logs):
    page = visit.page
    logs.row(state=LogState.FAILED, attempts=3, last_error="EIC-XRD: stalled", jeditaskid=TASK)
    visit.open(PAGE)
    expect(page.locator("#failure")).to_contain_text("attempt 3 of 3")
    page.get_by_role("link", name="Fetch again").click()
    expect(page.locator("#steps")).to_be_visible()
    assert logs.open_request().parameters["force"] is True
    logs.fail("EIC-XRD: truncated", attempts=4)
    expect(page.locator("#reason")).to_have_text("EIC-XRD: truncated")
    page.get_by_role("link", name="Fetch again").click()
    expect(page.locator("#steps")).to_be_visible()
    logs.finish(MEMBERS)
    await_lines(page, "4\u202f019")
    expect(page.locator("#failure")).to_have_count(0)
    assert len(logs.requests()) == 2


def test_a_newer_fetch_takes_the_place_of_what_is_read_and_the_tab_stays(visit, logs):
    page = visit.page
    logs.put(MEMBERS)
    visit.open(f"{PAGE}#pilotlog.txt")
    expect(page.locator(".line")).to_have_text("pilot | INFO")
    page.get_by_role("link", name="fetch again").click()
    expect(page.locator("#steps")).to_be_visible()
    expect(page.locator(".line")).to_have_text("pilot | INFO")
    logs.finish(MEMBERS | {"pilotlog.txt": b"newer\n"})
    expect(page.locator(".line")).to_have_text("newer")


def test_a_job_without_a_log_is_shown_and_looked_for_again(visit, logs):
    page = visit.page
    visit.open(PAGE)
    visit.expect_live()
    logs.fail(NO_LOG, state=LogState.NO_LOG)
    expect(page.locator("#failure")).to_contain_text(NO_LOG)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#steps")).to_be_visible()
    assert len(logs.requests()) == 2


# ------------------------------------------------------------------ reading


def test_the_tabs_are_walked_with_the_keyboard(visit, logs):
    page = visit.page
    logs.put(MEMBERS)
    visit.open(PAGE)
    await_lines(page, "4\u202f019")
    page.locator("#tab-0").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-1")).to_be_focused()
    expect(extent(page)).to_have_text("This file is empty.")
    page.keyboard.press("End")
    expect(page.locator(".line")).to_have_text("pilot | INFO")
    expect(page.locator("#log")).to_have_attribute("aria-labelledby", "tab-2")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-0")).to_have_attribute("aria-selected", "true")
    assert page.locator("[role=tab][tabindex='0']").count() == 1


def test_search_counts_and_walks_both_ways(visit, logs):
    page = visit.page
    logs.put(MEMBERS)
    visit.open(PAGE)
    await_lines(page, "4\u202f019")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("STUCK particle")
    expect(page.locator("#found")).to_have_text("8 lines")
    page.keyboard.press("Enter")
    expect(page.locator("#found")).to_have_text("1 of 8 lines")
    expect(page.locator(".line.current mark")).to_have_text("stuck particle")
    expect(page.locator(".line.current")).to_be_in_viewport()
    page.keyboard.press("Shift+Enter")
    expect(page.locator("#found")).to_have_text("8 of 8 lines")
    expect(page.locator(".line.current")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator("mark")).to_have_count(0)


def test_what_looks_like_an_error_is_marked_listed_and_jumped_to(visit, logs):
    page = visit.page
    logs.put(MEMBERS)
    visit.open(PAGE)
    expect(page.locator("#errors")).to_have_text("8 lines look like errors")
    page.get_by_text("Lines that look like errors").click()
    page.locator("#error-list button").last.click()
    expect(page.locator(".line.current")).to_have_text("payload finished with exit code: 65")
    expect(page.locator(".line.bad.current")).to_be_in_viewport()
    page.get_by_label("Next line that looks like an error").click()
    expect(page.locator(".line.current")).to_contain_text("[000699] ERROR")
    assert page.url.endswith("#payload.stdout:704")


def test_only_what_is_near_the_visible_part_is_in_the_document(visit, logs):
    page = visit.page
    logs.put(MEMBERS)
    visit.open(PAGE)
    await_lines(page, "4\u202f019")
    assert page.locator(".line").count() < 1500
    page.locator("#log").evaluate(TO_THE_END)
    expect(page.locator(".line").last).to_have_text("payload finished with exit code: 65")
    expect(page.locator(".line").last).to_be_in_viewport()
    assert page.locator(".line").count() < 1500


def test_an_address_with_a_line_opens_there(visit, logs):
    logs.put(MEMBERS)
    visit.open(f"{PAGE}#payload.stdout:3005")
    current = visit.page.locator(".line.current")
    expect(current).to_have_attribute("data-n", "3005")
    expect(current).to_be_in_viewport()
    assert abs(int(shown(visit.page)) - 3005) < 60


@pytest.mark.slow
def test_a_large_file_shows_its_two_ends_and_what_is_between_on_demand(visit, logs):
    page = visit.page
    line = b"%08d " + b"x" * 90 + b"\n"
    number = 300_000  # 30 MB
    logs.put({"payload.stdout": b"".join(line % each for each in range(number))})
    visit.open(PAGE)
    expect(extent(page)).to_have_text(re.compile(r"lines, 16.0.MB of 30.0.MB$"))
    expect(page.locator(".gap")).to_contain_text("14.0\u202fMB between these two ends")
    page.locator("#log").evaluate(TO_THE_END)
    expect(page.locator(".line").last).to_have_attribute("data-n", "-1")
    page.get_by_role("button", name="Show what follows").click()
    expect(extent(page)).to_have_text(re.compile(r"24.0.MB of"))
    page.get_by_role("button", name="Show what comes before").click()
    await_lines(page, "300\u202f000")
    expect(page.locator(".gap")).to_be_hidden()
    page.locator("#log").evaluate(TO_THE_END)
    expect(page.locator(".line").last).to_have_attribute("data-n", "300000")
    page.fill("#find", "00150000 x")
    page.keyboard.press("Enter")
    expect(page.locator(".line.current")).to_have_attribute("data-n", "150001")


def test_markup_and_control_characters_of_a_payload_are_only_text(visit, logs):
    page = visit.page
    body = b"<img src=x onerror=alert(1)>\r\n\x1b[31mred\x1b[0m\x07\xff end\n" + b"y" * 9000
    logs.put({"payload.stdout": body})
    visit.open(PAGE)
    lines = page.locator(".line")
    expect(lines.nth(0)).to_have_text("<img src=x onerror=alert(1)>")
    expect(lines.nth(1)).to_have_text("red\ufffd\ufffd end")
    expect(lines.nth(2)).to_contain_text("4\u202f000 more characters")


COLOURED = (
    b"all is well\n\x1b[31mERR\x1b[1mOR\x1b[0m in red\n"
    b"10 %\r50 %\r\x1b[KFATAL: it stopped\r\n\x1b]0;a title\x07E\bER\bRR\bROR struck twice\n"
)


def test_errors_and_search_are_of_the_text_as_it_is_shown(visit, logs):
    page = visit.page
    logs.put({"payload.stdout": COLOURED})
    visit.open(PAGE)
    expect(page.locator("#errors")).to_have_text("3 lines look like errors")
    expect(page.locator(".line.bad")).to_have_text(
        ["ERROR in red", "FATAL: it stopped", "ERROR struck twice"]
    )
    page.fill("#find", "error in")
    expect(page.locator("#found")).to_have_text("1 line")
    expect(page.locator("mark")).to_have_text("ERROR in")
    page.fill("#find", "50 %")
    expect(page.locator("#found")).to_have_text("nothing")


SHOWN = [
    ["plain \u00e9\t", "plain \u00e9\t"],
    ["\x1b[38;2;1;2;3mE\x1b[0mR", "ER"],
    ["\x9b31mred", "red"],
    ["\x1b]8;;http://x/\x1b\\link\x1b]8;;\x07 end", "link end"],
    ["\x1b]0;a title without an end ERROR", "0;a title without an end ERROR"],
    ["\x1bP1$r\x1b\\a\x1b(Bb\x1b=c", "abc"],
    ["\x1b[ERROR", "RROR"],
    ["one\rtwo three\rONE", "ONE three"],
    ["10 %\r\x1b[2KDone\x1b[1GD", "Done"],
    ["abc\x1b[1Gx\x1b[K", "x"],
    ["\b\ba\bb", "b"],
    ["\x00\x07a\x7f", "\ufffd\ufffda\ufffd"],
    ["text\r\r", "text"],
    ["\r", ""],
    ["\U0001f600\rab", "ab"],
    ["\x1b", "\ufffd"],
]  # fmt: skip


def test_a_line_is_shown_as_a_terminal_would(visit, logs):
    logs.put({"payload.stdout": b""})
    visit.open(PAGE)
    page_module = visit.page.locator("script[src*='payload_log']").get_attribute("src")
    module = page_module.replace("payload_log.js", "payload_log_text.js")
    found = visit.page.evaluate(
        """async ([module, raws]) => {
            const { asShown } = await import(module);
            return raws.map(asShown);
        }""",
        [module, [raw for raw, _ in SHOWN]],
    )
    assert found == [shown for _, shown in SHOWN]


def test_the_files_are_downloaded_one_or_all(visit, logs):
    page = visit.page
    logs.put(MEMBERS)
    visit.open(PAGE)
    with page.expect_download() as one:
        page.locator("#download").click()
    assert one.value.suggested_filename == f"{JOB}.payload.stdout"
    assert one.value.path().read_bytes() == STDOUT
    with page.expect_download() as everything:
        page.locator("#all").click()
    assert everything.value.suggested_filename == f"payload-log-{JOB}.tar.gz"


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_on_a_phone_nothing_overflows(chromium, logs, served_api, scheme):
    visit = begin_visit(chromium, served_api.url, viewport=PHONE, color_scheme=scheme)
    visit.sign_in(served_api.token)
    page = visit.page
    visit.open(PAGE)
    expect(page.locator("#steps")).to_be_visible()
    assert page.evaluate(OVERFLOW) == 0
    logs.finish(MEMBERS)
    await_lines(page, "4\u202f019")
    for wraps in (True, False):
        page.locator("#wrap").set_checked(wraps)
        assert page.evaluate(OVERFLOW) == 0
    visit.shot(f"payload_log_phone_{scheme}")
    logs.row(7, state=LogState.FAILED, attempts=3, last_error="EIC-XRD: " + "x" * 300)
    visit.open("/panda/jobs/7/log/")
    assert page.evaluate(OVERFLOW) == 0
    page.context.close()
    assert (visit.complaints, visit.strangers) == ([], [])


# ------------------------------------------------------------------ the text


def test_the_page_that_waits_becomes_the_text_when_it_is_there(visit, logs):
    page = visit.page
    visit.open(f"{TEXT}?force=1")
    logs.progress(Step.RESOLVE, "asking Rucio")
    expect(page.locator("#step-text")).to_have_text(
        "It will appear shortly — step 2 of 6: asking Rucio"
    )
    logs.finish(MEMBERS)
    expect(page.locator("body")).to_contain_text("===== payload.stdout =====")
    assert re.search(r"\?request=\d+$", page.url)
    assert len(logs.requests()) == 1


def test_a_step_between_the_page_and_its_stream_is_shown(visit, logs):
    def step_first(route):
        logs.progress(Step.RESOLVE, "asking Rucio")
        route.continue_()

    visit.follow_alone()
    visit.page.route(re.compile("/api/messages/stream/"), step_first, times=1)
    visit.open(f"{TEXT}?force=1")
    expect(visit.page.locator("#step-text")).to_contain_text("step 2 of 6: asking Rucio")


def test_behind_the_proxy_the_waiting_page_shows_a_failure_and_the_log(
    chromium, logs, monkeypatch, request, tmp_path
):
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/prod")
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    served = request.getfixturevalue("served_api")
    (tmp_path / "nginx").mkdir()
    with proxied(served.url, tmp_path / "nginx", user="anna") as url:
        visit: Visit = begin_visit(chromium, url)
        page = visit.page
        visit.open(TEXT)
        expect(page.locator("#step-text")).to_contain_text("waiting for the ops side")
        logs.fail("EIC-XRD: the door is closed")
        expect(page.locator("body")).to_contain_text("Append ?force=1 to retry")
        visit.open(f"{TEXT}?force=1")
        expect(page.locator("#step-text")).to_contain_text("waiting for the ops side")
        logs.finish(MEMBERS)
        expect(page.locator("body")).to_contain_text("===== pilotlog.txt =====")
        visit.open(PAGE)
        await_lines(page, "4\u202f019")
        page.context.close()
    assert visit.strangers == []
    assert len(logs.requests()) == 2
