"""The pages of tasks in Chromium: operations, who may ask for them, how they look.

The stack is whole, with the sandbox's PanDA and unmodified prun, under a prefix.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from api.http import wording
from tests.browser.api.submission.task_page import (
    OWNER,
    expect_phase,
    expect_submitted,
    is_same,
    mark,
    open_task,
    submit_button,
)
from tests.browser.visits import OVERFLOW, PHONE, Visit, begin_visit
from tests.nginx_proxy import proxied
from tests.pcs_client import Pcs

pytestmark = pytest.mark.browser


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
