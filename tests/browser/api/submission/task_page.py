"""The page of a production task: what is pressed on it, and what it shows."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.visits import Visit
from tests.e2e.production import Production

OWNER = "tester"


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
