"""Submitting many tasks from their list, in Chromium.

The stack is whole, with the sandbox's PanDA and unmodified prun, under a prefix.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.api.submission.task_page import (
    is_same,
    mark,
)
from tests.browser.visits import begin_visit

pytestmark = pytest.mark.browser


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
