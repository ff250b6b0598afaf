"""Submitting a task from its page, in Chromium: to the end, live, and whatever happens meanwhile.

The stack is whole, with the sandbox's PanDA and unmodified prun, under a prefix.
"""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.api.submission.task_page import (
    expect_phase,
    expect_submitted,
    is_same,
    mark,
    open_task,
    submit_button,
)
from tests.e2e.production import Production
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


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


@pytest.mark.slow
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
