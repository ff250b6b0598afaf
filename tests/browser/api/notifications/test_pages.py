"""The page of the rules in Chromium: one is made, changed, switched off and removed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from flows.common.callers import Scope
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
    expect(page.locator("#form-title")).to_contain_text("Change rule")
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


class TestOfOperators:
    """Rules that are not only on one's own."""

    @pytest.fixture
    def token_scopes(self):
        return frozenset({Scope.OPERATE})

    def test_the_limits_of_an_alarm_have_fields(self, visit, api):
        visit.open("/notifications/rules/")
        page, limits = visit.page, visit.page.locator("fieldset.options")
        expect(limits).to_be_hidden()
        page.get_by_label("When").select_option("alarm")
        page.get_by_label("Which").fill("failure_rate")
        limits.locator("[data-option=limit_percent]").fill("120")
        limits.locator("[data-option=pause]").check()
        page.locator("#rule [name=channel]").select_option("ops")
        page.get_by_role("button", name="Make the rule").click()
        expect(page.locator("#problem-options")).to_contain_text("limit_percent: ")
        limits.locator("[data-option=limit_percent]").fill("35")
        page.get_by_role("button", name="Make the rule").click()
        row = page.locator("#rules tbody tr[data-rule]")
        expect(row).to_contain_text("limit_percent = 35")
        row.get_by_role("button", name="Edit").click()
        expect(limits.locator("[data-option=limit_percent]")).to_have_value("35")
        expect(limits.locator("[data-option=pause]")).to_be_checked()
        [rule] = api.get("/api/notification-rules/").json()
        assert rule["options"] == {"limit_percent": 35, "pause": True}
