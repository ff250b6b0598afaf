"""Submitting from the pages, in Chromium: to the end, live, and whatever happens meanwhile.

The stack is whole, with the sandbox's PanDA and unmodified prun, under a prefix.
"""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from api.http import wording
from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, Visit, begin_visit
from tests.e2e.production import Production
from tests.nginx_proxy import proxied
from tests.pcs_client import Pcs
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

chromium = visits.chromium
OWNER = "tester"
EXPECTED = re.compile(r"status of 40[0139]|status of 503|Password forms should have")


@pytest.fixture
def visit(chromium, production):
    """The browser of somebody who has signed in."""
    visit = begin_visit(chromium, production.site.stack.api_url)
    visit.sign_in(production.site.token)
    yield visit
    visit.page.context.close()
    told = [each for each in visit.complaints if not EXPECTED.search(each)]
    assert (told, visit.strangers) == ([], [])


def open_task(visit: Visit, production: Production, name: str) -> None:
    visit.open(f"/pcs/tasks/{production.show(name)['composed_name']}/")


def submit_button(page: Page):
    return page.get_by_role("button", name="Submit to PanDA")


def expect_phase(page: Page, phase: str) -> None:
    expect(page.locator(f'#live[data-phase="{phase}"]')).to_be_visible()


def expect_submitted(visit: Visit, production: Production, name: str) -> None:
    """The id that PCS has, on the page that was never loaded again."""
    expect_phase(visit.page, "submitted")
    key = str(production.show(name)["panda_task_id"])
    expect(visit.page.locator("#standing a")).to_have_text(key)
    expect(visit.page.locator("#standing a")).to_have_attribute(
        "href", f"{production.panda_url}/task/{key}/"
    )
    expect(visit.page.locator("#said")).to_have_text(f"Submitted as jediTaskID {key}")
    expect(submit_button(visit.page)).to_be_disabled()


def mark(page: Page) -> None:
    """So that a reload would be seen."""
    page.evaluate("window.isSame = true")


def is_same(page: Page) -> bool:
    return bool(page.evaluate("window.isSame"))


# ------------------------------------------------------------------ to the end


def test_a_press_of_the_button_shows_the_id_live(visit, production):
    name = production.task()
    production.fault("slow", name=name, seconds=1.5)
    open_task(visit, production, name)
    mark(visit.page)
    submit_button(visit.page).click()
    current = visit.page.locator('#steps [aria-current="step"]')
    expect(current).to_have_text("Send it with prun")
    expect(visit.page.locator("#connection-words")).to_have_text("Live")
    expect(submit_button(visit.page)).to_be_disabled()
    expect_submitted(visit, production, name)
    assert is_same(visit.page)


@pytest.mark.slow
def test_a_refusal_tells_why_and_the_next_press_makes_a_new_attempt(visit, production):
    name = production.task()
    production.fault("reject", name=name, message="too many tasks for you", code=10)
    open_task(visit, production, name)
    submit_button(visit.page).click()
    expect_phase(visit.page, "failed")
    expect(visit.page.locator("#failure")).to_contain_text("too many tasks for you")
    expect(submit_button(visit.page)).to_be_enabled()
    submit_button(visit.page).click()
    expect_submitted(visit, production, name)
    rows = visit.page.locator("#attempts tbody tr")
    expect(rows.nth(0)).to_contain_text(".try2")
    expect(rows.nth(1)).to_contain_text("too many tasks for you")


@pytest.mark.slow
def test_an_answer_from_before_the_press_does_not_end_the_following(visit, production):
    name = production.task()
    open_task(visit, production, name)
    held = visit.hold(r"/\?after=")
    visit.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    look = held()
    before = look.fetch()
    submit_button(visit.page).click()
    expect(visit.page.locator("#standing")).to_be_focused()  # it was accepted
    look.fulfill(response=before)
    expect_submitted(visit, production, name)


@pytest.mark.slow
def test_a_reload_in_the_middle_shows_the_same_and_goes_on(visit, production):
    name = production.task()
    production.fault("slow", name=name, seconds=3)
    open_task(visit, production, name)
    submit_button(visit.page).click()
    current = visit.page.locator('#steps [aria-current="step"]')
    expect(current).to_have_text("Send it with prun")
    visit.page.reload()
    expect(current).to_have_text("Send it with prun")
    expect(submit_button(visit.page)).to_be_disabled()
    expect(visit.page.locator("#connection-words")).to_have_text("Live")
    expect_submitted(visit, production, name)


@pytest.mark.slow
def test_while_the_ops_side_is_down_the_page_says_for_how_long_it_waits(visit, production):
    name = production.task()
    production.site.stack.stop_part("worker")
    open_task(visit, production, name)
    submit_button(visit.page).click()
    expect_phase(visit.page, "waiting")
    headline = visit.page.locator(".headline")
    expect(headline).to_have_text(re.compile(r"Waiting for the ops side for [3-9]\s"), timeout=9000)
    visit.shot("task-waiting")
    production.site.stack.start_part("worker")
    expect_submitted(visit, production, name)


@pytest.mark.slow
def test_what_is_not_known_is_told_and_found_out(visit, production):
    name = production.task()
    production.fault("slow", when="before", name=name, seconds=6)  # prun is killed after 5 s
    open_task(visit, production, name)
    submit_button(visit.page).click()
    expect_phase(visit.page, "unknown")
    visit.shot("task-unknown")
    expect(visit.page.locator("#standing")).to_contain_text("not known whether PanDA has the task")
    expect(submit_button(visit.page)).to_be_disabled()
    expect_submitted(visit, production, name)


@pytest.mark.slow
def test_what_pcs_refused_for_good_is_not_to_be_submitted_again(visit, production):
    name = production.task()
    open_task(visit, production, name)
    mark(visit.page)
    made = refused_by_pcs(production, name)
    expect_phase(visit.page, "unresolved")
    expect(visit.page.locator("#standing")).to_contain_text(f"jediTaskID {made}")
    visit.shot("task-unresolved")
    expect(visit.page.locator("#standing strong")).to_have_text("NOT")
    expect(submit_button(visit.page)).to_be_disabled()
    assert is_same(visit.page)


def refused_by_pcs(production: Production, name: str) -> int:
    """Submit the task, whose attempt gets another id meanwhile; gives the id that PanDA gave."""
    production.fault("slow", when="after", name=name, seconds=2)
    request_id = production.submit(name)
    production.wait_for_step(request_id, "send")
    attempt_id = production.show(name)["panda_tasks"][0]["id"]
    foreign = {"jedi_task_id": 980_000 + attempt_id, "panda_tasks_id": attempt_id}
    production.record(name, foreign).raise_for_status()
    assert production.site.ended(request_id).state == "failed"
    (made,) = production.live(production.show(name)["composed_name"])
    return int(made)


@pytest.mark.slow
def test_an_operator_settles_what_pcs_refused_for_good(visit, production):
    name, page = production.task(), visit.page
    made = refused_by_pcs(production, name)
    open_task(visit, production, name)
    mark(page)
    adopt = page.get_by_role("button", name="It is this task")
    page.locator("#adopt").fill(str(made))
    adopt.click()  # without a reason
    expect(page.locator("#resolve-refused")).to_contain_text("reason")
    expect(page.locator("#adopt")).to_have_value(str(made))
    page.locator("#resolve-reason").fill("the other was a mistake")
    visit.shot("task-resolve")
    adopt.click()
    expect(page.locator("[data-resolution]")).to_contain_text("the other was a mistake")
    expect(page.locator("#resolve-refused")).to_be_hidden()
    expect_submitted_as(page, made)
    assert production.show(name)["panda_task_id"] == made
    assert is_same(page)


def decisions(production: Production, name: str) -> list[str]:
    """The states of the requests to settle the task's submission."""
    wanted = {"action": "resolve_submission", "subject": name}
    listed = httpx.get(f"{production.site.stack.api_url}/api/requests/", params=wanted)
    return [each["state"] for each in listed.json()["results"]]


def expect_submitted_as(page: Page, made: int) -> None:
    expect_phase(page, "submitted")
    expect(page.locator("#standing a")).to_have_text(str(made))


@pytest.mark.slow
def test_an_operator_says_on_the_page_that_it_failed_and_panda_is_asked_first(visit, production):
    name, page = production.task(), visit.page
    made = refused_by_pcs(production, name)
    open_task(visit, production, name)
    failed = page.get_by_role("button", name="It failed, or is not ours")
    page.locator("#resolve-reason").fill("nobody needs it")
    failed.click()  # it lives at PanDA
    expect(page.locator("#resolve-reason")).to_have_value("")
    wait_until(lambda: decisions(production, name) == ["failed"])
    expect(page.locator("[data-resolution]")).to_have_count(0)
    production.set_state(made, "aborted")
    page.locator("#resolve-reason").fill("it was ended by hand")
    failed.click()
    expect(page.locator("[data-resolution]")).to_contain_text("it was ended by hand")


def test_a_page_without_a_stream_still_learns_the_outcome(visit, production):
    name = production.task()
    visit.follow_alone()
    visit.page.route(re.compile("/api/messages/stream/"), lambda route: route.fulfill(status=503))
    visit.page.clock.install()
    open_task(visit, production, name)
    submit_button(visit.page).click()
    words = visit.page.locator("#connection-words")
    expect(words).to_have_text("No live stream: looked at every 10 s")
    wait_until(lambda: production.show(name)["panda_task_id"])
    visit.page.clock.fast_forward(10_000)
    expect_phase(visit.page, "submitted")


@pytest.mark.slow
def test_the_asking_by_the_clock_ends_and_the_stream_goes_on(visit, production):
    name = production.task()
    production.site.stack.stop_part("worker")
    visit.page.clock.install()
    open_task(visit, production, name)
    submit_button(visit.page).click()
    expect_phase(visit.page, "waiting")
    visit.page.clock.run_for(330_000)
    looks = len([path for path in visit.asked if "?after=" in path])
    assert looks <= 36
    visit.page.clock.run_for(60_000)
    assert len([path for path in visit.asked if "?after=" in path]) <= looks + 1
    expect(visit.page.locator("#connection-words")).to_have_text("Live")
    production.site.stack.start_part("worker")
    visit.page.clock.resume()
    expect_phase(visit.page, "submitted")


# ------------------------------------------------------------------ many at once


@pytest.mark.slow
def test_many_are_submitted_at_once_and_the_rest_is_left_out_with_its_reason(visit, production):
    ready = [production.task() for _ in range(5)]
    refused, draft = production.task(), production.task(lock=False)
    production.fault("reject", name=refused, message="no quota", code=10)
    page = visit.page
    visit.open("/pcs/tasks/?q=sample&sort=-updated")
    mark(page)
    for name in (*ready, refused, draft):
        page.locator(f'tr[data-name="{name}"] .pick').check()
    expect(page.locator("#selected")).to_have_text("7 selected")
    page.get_by_role("button", name="Submit…").click()
    expect(page.locator("#plan-will")).to_have_text("6 tasks will be submitted to PanDA.")
    expect(page.locator("#plan-wont")).to_contain_text("it is draft")
    visit.shot("tasks-plan")
    page.get_by_role("button", name="Submit 6").click()
    counts = page.locator("#batch-counts")
    expect(counts).to_have_text("5 submitted · 1 failed")
    for name in ready:
        key = str(production.show(name)["panda_task_id"])
        expect(page.locator(f'tr[data-name="{name}"] [data-f=jedi]')).to_have_text(key)
    expect(page.locator("#batch-rows")).to_contain_text("no quota")
    assert production.show(draft)["panda_tasks"] == []
    assert is_same(page)


@pytest.mark.slow
def test_an_answer_about_an_earlier_batch_does_not_end_the_next(visit, production):
    name = production.task()
    production.fault("reject", name=name, message="no quota", code=10)
    held = visit.hold("states.json")
    visit.open(f"/pcs/tasks/?q={name}")
    submit_listed(visit.page, name)
    look = held()
    counts = visit.page.locator("#batch-counts")
    expect(counts).to_have_text("1 failed")
    before = look.fetch()
    assert [each["phase"] for each in before.json()] == ["failed"]
    production.fault("slow", name=name, seconds=2)
    submit_listed(visit.page, name)
    expect(counts).to_have_text(re.compile("1 (waiting|submitting)"))
    look.fulfill(response=before)
    expect(counts).to_have_text("1 submitted")


def submit_listed(page: Page, name: str) -> None:
    page.locator(f'tr[data-name="{name}"] .pick').check()
    page.get_by_role("button", name="Submit…").click()
    page.get_by_role("button", name="Submit 1").click()


@pytest.mark.slow
def test_one_signs_in_before_many_are_done(chromium, production):
    production.task()
    visit = begin_visit(chromium, production.site.stack.api_url)
    visit.open("/pcs/tasks/?status=ready&q=sample")
    visit.page.locator("#check-page").check()
    visit.page.get_by_role("button", name="Submit…").click()
    expect(visit.page.locator("#token")).to_be_focused()
    visit.page.keyboard.type(production.site.token)
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#plan-will")).to_contain_text("will be submitted to PanDA")
    visit.page.keyboard.press("Escape")
    expect(visit.page.locator("#batch")).to_be_hidden()
    visit.page.context.close()


def test_all_that_match_are_locked_and_set_back(visit, production):
    names = [production.task(lock=False) for _ in range(3)]
    page = visit.page
    visit.open("/pcs/tasks/?status=draft&q=sample")
    number = page.locator("#tasks tbody tr").count()
    page.locator("#check-page").check()
    page.get_by_role("button", name="Lock…").click()
    page.get_by_role("button", name=f"Lock {number}").click()
    expect(page.locator("#batch-counts")).to_have_text(f"{number} done")
    assert {production.show(name)["status"] for name in names} == {"ready"}
    expect(page.locator("#tasks tbody tr[data-id]")).to_have_count(0)


@pytest.mark.slow
def test_a_row_that_is_being_submitted_is_followed_from_the_start(visit, production):
    name = production.task()
    production.fault("slow", name=name, seconds=2)
    production.submit(name)
    visit.open(f"/pcs/tasks/?q={name}")
    row = visit.page.locator(f'tr[data-name="{name}"]')
    expect(row.locator("[data-f=panda]")).to_contain_text("being submitted")
    expect(row.locator("[data-f=status]")).to_have_text("submitted")


# ------------------------------------------------------------------ operations


@pytest.mark.slow
def test_an_operation_is_asked_for_with_its_reason_and_its_outcome_shown(visit, production):
    name = production.task()
    production.final(production.submit(name))
    key = production.show(name)["panda_task_id"]
    production.set_state(key, "running")
    open_task(visit, production, name)
    visit.page.get_by_label("Reason").fill("site is down")
    visit.page.get_by_role("button", name="Pause").click()
    row = visit.page.locator("#operations tbody tr").first
    expect(row).to_contain_text("verified")
    expect(row).to_contain_text("site is down")
    expect(row).to_contain_text(OWNER)
    visit.page.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("the task is paused")


@pytest.mark.slow
def test_what_is_refused_does_not_end_the_following_of_what_goes_on(visit, production):
    name = production.task()
    production.final(production.submit(name))
    production.set_state(production.show(name)["panda_task_id"], "running")
    open_task(visit, production, name)
    production.site.stack.stop_part("worker")
    visit.page.get_by_role("button", name="Pause").click()
    row = visit.page.locator("#operations tbody tr").first
    expect(row).to_contain_text("waiting for the ops side")
    refusal = {"error": "Not now."}
    visit.page.route("**/panda-resume/", lambda route: route.fulfill(status=409, json=refusal))
    visit.page.get_by_role("button", name="Resume").click()
    expect(visit.page.locator("#operate-refused")).to_have_text("Not now.")
    production.site.stack.start_part("worker")
    expect(row).to_contain_text("verified")


# ------------------------------------------------------------------ who asks


@pytest.mark.slow
def test_who_is_not_known_signs_in_to_write_by_keyboard_only(chromium, production):
    name = production.task()
    visit = begin_visit(chromium, production.site.stack.api_url)
    open_task(visit, production, name)
    keys = visit.page.keyboard
    press_until(visit.page, "do-submit")
    keys.press("Enter")
    expect(visit.page.locator("#token")).to_be_focused()
    keys.type("0" * 40)
    keys.press("Enter")
    expect(visit.page.locator("#sign-in .problem")).to_have_text(re.compile("not known here"))
    keys.type(production.site.token)
    keys.press("Enter")
    expect(visit.page.locator("#standing")).to_be_focused()
    expect_submitted(visit, production, name)
    visit.page.reload()
    expect(visit.page.get_by_role("button", name="Sign out")).to_be_visible()
    visit.page.context.close()


def press_until(page: Page, wanted: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == wanted:
            return
    pytest.fail(f"{wanted} cannot be reached with Tab")


def test_another_user_is_told_whose_task_it_is(chromium, production):
    name = production.task()
    visit = begin_visit(
        chromium, production.site.stack.api_url, extra_http_headers={"X-Remote-User": "eve"}
    )
    open_task(visit, production, name)
    expect(submit_button(visit.page)).to_be_disabled()
    against = visit.page.locator("#against")
    expect(against).to_contain_text(f"It is {OWNER}'s: that takes the scope operate, which eve has")
    visit.page.context.close()


def test_behind_a_proxy_that_strips_cookies_a_submission_goes_to_its_end(
    chromium, production, tmp_path
):
    name = production.task()
    production.fault("slow", name=name, seconds=1)
    with proxied(production.site.stack.api_url, tmp_path, user=OWNER) as url:
        visit = begin_visit(chromium, url)
        statuses = {}
        visit.page.on("response", lambda answer: statuses.update({answer.url: answer.status}))
        open_task(visit, production, name)
        mark(visit.page)
        submit_button(visit.page).click()
        expect_phase(visit.page, "running")
        expect(visit.page.locator("#connection-words")).to_have_text("Live")
        expect_submitted(visit, production, name)
        assert is_same(visit.page)
        visit.open("/pcs/tasks/")
        expect(visit.page.locator("#tasks tbody tr").first).to_be_visible()
        assert visit.page.context.cookies() == []
        assert set(statuses.values()) == {200}
        assert (visit.complaints, visit.strangers) == ([], [])
        visit.page.context.close()


# ------------------------------------------------------------------ how it looks


def test_the_browser_words_durations_as_the_server_does(visit):
    visit.open("/pcs/tasks/")
    script = visit.page.locator("script[type=module]").last.get_attribute("src")
    seconds = [0, 0.42, 1, 12.34, 59.9, 60, 61.5, 200, 3599, 3600, 7500, 86_400]
    told = visit.page.evaluate(
        """async ([words, seconds]) => {
            const { lasted, waited } = await import(words);
            return seconds.map((value) => [lasted(value), waited(value)]);
        }""",
        [script.replace("tasks.js", "words.js"), seconds],
    )
    assert told == [[wording.lasted(value), wording.waited(value)] for value in seconds]


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
def test_the_pages_are_seen_while_a_submission_runs(chromium, production, look):
    """Screenshots to look at; no page is wider than its screen."""
    name, draft = production.task(), production.task(lock=False)
    production.fault("slow", name=name, seconds=3)
    visit = begin_visit(chromium, production.site.stack.api_url, **LOOKS[look])
    visit.sign_in(production.site.token)
    see(visit, f"/pcs/tasks/{production.show(draft)['composed_name']}/", f"task-draft-{look}")
    open_task(visit, production, name)
    submit_button(visit.page).click()
    expect_phase(visit.page, "running")
    current = visit.page.locator('#steps [aria-current="step"]')
    expect(current).to_have_text("Send it with prun")
    snap(visit, f"task-running-{look}")
    expect_phase(visit.page, "submitted")
    snap(visit, f"task-submitted-{look}")
    see(visit, "/pcs/tasks/", f"tasks-{look}")
    visit.page.locator("#check-page").check()
    visit.page.get_by_role("button", name="Submit…").click()
    expect(visit.page.locator("#plan")).to_be_visible()
    snap(visit, f"tasks-plan-{look}")
    visit.page.context.close()


def see(visit: Visit, path: str, name: str) -> None:
    visit.open(path)
    snap(visit, name)


def snap(visit: Visit, name: str) -> None:
    visit.shot(name)
    assert visit.page.evaluate(OVERFLOW) <= 0


@pytest.mark.slow
def test_open_pages_follow_what_others_do_at_pcs(chromium, served_api, api):
    pcs = Pcs(api)
    pcs.make_task("first")
    visit, task = (begin_visit(chromium, served_api.url) for _ in range(2))
    visit.open("/pcs/tasks/")
    task.open("/pcs/tasks/first/")
    rows = visit.page.locator("#tasks tbody tr[data-id]")
    for page in (visit.page, task.page):
        expect(page.locator("#connection-words")).to_have_text("Live")
        mark(page)
    pcs.make_task("second")
    expect(rows).to_have_count(2)
    pcs.good("POST", "prod-tasks/first/lock/")
    expect(visit.page.locator('tr[data-name="first"] [data-f=status]')).to_have_text("ready")
    expect(submit_button(task.page)).to_be_visible()
    assert pcs.send("DELETE", "prod-tasks/second/").status_code == 204
    expect(rows).to_have_count(1)
    assert is_same(visit.page)
    assert is_same(task.page)
    for each in (visit, task):
        each.page.context.close()
