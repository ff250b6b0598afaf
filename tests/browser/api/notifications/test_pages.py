"""The page of the rules in Chromium: one is made, changed, switched off and removed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import visits
from tests.browser.visits import begin_visit
from tests.support.notifications import make_channels

pytestmark = pytest.mark.browser

chromium = visits.chromium


@pytest.fixture
def visit(chromium, served_api, database):
    make_channels(database.ops_engine)
    visit = begin_visit(chromium, served_api.url)
    visit.sign_in(served_api.token)
    yield visit
    visit.page.context.close()


def test_a_rule_is_made_changed_switched_off_and_removed(visit, api):
    visit.open("/notifications/rules/")
    page, row = visit.page, visit.page.locator("#rules tbody tr[data-rule]")
    page.get_by_label("Which").fill("submit_taks")
    page.get_by_role("button", name="On my own").click()
    page.get_by_role("button", name="Make the rule").click()
    expect(page.locator("#problem-name")).to_contain_text("did you mean 'submit_task'?")
    page.get_by_label("Which").fill("submit_task")
    page.get_by_label("Which").press("Enter")
    expect(row).to_contain_text("submit_task")
    row.get_by_role("button", name="Edit").click()
    page.locator("#rule [name=channel]").select_option("open")
    page.get_by_role("button", name="Change the rule").click()
    expect(row.locator('[data-label="Tell"]')).to_have_text("open")
    row.get_by_role("button", name="Switch off").click()
    expect(row).to_contain_text("Switch on")
    [rule] = api.get("/api/notification-rules/").json()
    assert (rule["owner"], rule["channel"], rule["is_enabled"]) == ("tester", "open", False)
    page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
