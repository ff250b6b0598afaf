"""The page of one's own in Chromium: a token is made, kept and revoked; "tell me" is seen on it."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import visits
from tests.browser.visits import OVERFLOW, PHONE, begin_visit
from tests.nginx_proxy import proxied
from tests.pcs_client import COMPOSED, Pcs
from tests.support.notifications import make_channels, tell

pytestmark = pytest.mark.browser

chromium = visits.chromium

REFUSED = "Failed to load resource: the server responded with a status of 4"


@pytest.fixture
def visit(chromium, served_api, database):
    make_channels(database.ops_engine)
    visit = begin_visit(chromium, served_api.url)
    visit.sign_in(served_api.token)
    yield visit
    visit.page.context.close()
    others = [each for each in visit.complaints if not each.startswith(REFUSED)]
    assert (others, visit.strangers) == ([], [])


@pytest.fixture
def task(api) -> Pcs:
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    return pcs


def opens(served_api, key: str) -> bool:
    with served_api.client(token=key) as client:
        return client.get("/api/me/").is_success


def test_a_token_is_made_with_the_keyboard_and_revoked(visit, served_api, api):
    visit.open("/me/")
    page = visit.page
    page.locator("#create-fold > summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("What it is for").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#problem-note")).to_contain_text("at least 1")
    page.keyboard.type("laptop")
    page.keyboard.press("Enter")
    expect(page.locator("#made")).to_be_focused()
    key = page.locator("#key").inner_text()
    assert opens(served_api, key)
    assert key not in page.url
    row = page.locator("#tokens tr", has_text="laptop")
    page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    assert [each["is_good"] for each in api.get("/api/me/tokens/").json()] == [True, False]


def test_whoever_revokes_the_token_in_use_is_signed_out(visit):
    visit.open("/me/")
    visit.page.on("dialog", lambda dialog: dialog.accept())
    visit.page.locator("[data-current]").click()
    expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_tell_me_is_pressed_on_a_task_seen_on_one_s_page_and_undone(visit, task, api):
    visit.open(f"/pcs/tasks/{COMPOSED}/")
    page = visit.page
    page.get_by_role("button", name="Tell me").press("Enter")
    choice = page.locator('[data-watch-for="submitted"]')
    choice.press("Enter")
    expect(choice).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#tell-me")).to_have_text("Watching: submitted")
    expect(page.locator("#tell-me")).to_be_focused()
    [watch] = api.get("/api/watches/").json()["watches"]
    assert (watch["subject"], watch["channel"]) == ("t1", "open")
    visit.open("/me/")
    row = page.locator("#watches tbody tr")
    expect(row).to_contain_text("t1")
    row.get_by_role("button", name="Stop").click()
    expect(page.locator("#watches")).to_have_count(0)


def test_who_is_not_signed_in_signs_in_to_be_told(chromium, served_api, task, database):
    make_channels(database.ops_engine)
    visit = begin_visit(chromium, served_api.url)
    visit.open(f"/pcs/tasks/{COMPOSED}/")
    visit.page.get_by_role("button", name="Tell me").click()
    visit.page.get_by_label("Token").fill(served_api.token)
    visit.page.get_by_role("button", name="Sign in").click()
    expect(visit.page.locator('[data-watch-for="complete"]')).to_be_enabled()
    visit.page.context.close()


@pytest.mark.slow
def test_a_user_whom_the_external_proxy_names_is_told(
    chromium, served_api, task, database, tmp_path
):
    """It passes on no cookie, and nothing but paths below `/pcs/`."""
    make_channels(database.ops_engine)
    with proxied(served_api.url, tmp_path, user="anna") as url:
        visit = begin_visit(chromium, url)
        visit.open(f"/pcs/tasks/{COMPOSED}/")
        visit.page.get_by_role("button", name="Tell me").click()
        visit.page.locator('[data-watch-for="failed"]').click()
        visit.page.keyboard.press("Escape")
        expect(visit.page.locator("#tell-me")).to_have_text("Watching: failed")
        visit.page.reload()
        expect(visit.page.locator("#tell-me")).to_have_text("Watching: failed")
        visit.page.context.close()
    assert visit.complaints == []


LOOKS = {
    "light": {},
    "narrow-dark": {
        "viewport": PHONE,
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": "dark",
    },
}
RULE = {"what": "action", "owner": "tester", "channel": "open", "subject": "group.EIC.26.*"}


@pytest.fixture
def filled(api: httpx.Client, database) -> None:
    """What the pages show: watches, a token, rules, and messages of every fate."""
    make_channels(database.ops_engine)
    for kind, subject in (("task", "t1"), ("dataset", "epic:/" + "x" * 200)):
        watch = {"kind": kind, "subject": subject, "watch_for": "complete", "channel": "open"}
        assert api.post("/api/watches/", json=watch).is_success
    assert api.post("/api/me/tokens/", json={"note": "n" * 200, "scopes": ["read"]}).is_success
    for outcome in ("failed", None):
        assert api.post("/api/notification-rules/", json=RULE | {"outcome": outcome}).is_success
    body = {"requester": "tester", "seconds": 75, "step": "send to PanDA", "reason": "r" * 300}
    links = [{"text": "task", "href": "/pcs/tasks/t1/"}]
    summary = tell(database.ops_engine, "s", what=None, title="37 more in the last minute")
    for state in ("pending", "sent", "failed", "unknown", "held"):
        about = {"title": f"t1: {state} " + "t" * 80, "body": body | {"links": links}}
        held = {"summary_id": summary} if state == "held" else {}
        error = {"error": "the channel answered 404"} if state == "failed" else {}
        tell(database.ops_engine, state, state=state, **about, **held, **error)


@pytest.mark.parametrize("look", ["narrow-dark", pytest.param("light", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("task", "filled")
def test_the_pages_are_seen(chromium, served_api, look):
    """Screenshots to look at; no page is wider than its screen."""
    visit = begin_visit(chromium, served_api.url, **LOOKS[look])
    visit.sign_in(served_api.token)
    seen = {
        "/me/": "me",
        "/notifications/": "notifications",
        "/notifications/rules/": "rules",
        f"/pcs/tasks/{COMPOSED}/": "tell",
    }
    for path, name in seen.items():
        visit.open(path)
        if name == "me":
            visit.page.locator("#create-fold > summary").click()
        if name == "rules":
            visit.page.locator("#form-fold > summary").click()
        if name == "tell":
            visit.page.get_by_role("button", name="Watching").click()
            expect(visit.page.locator("[data-watch-for]")).to_have_count(4)
        visit.shot(f"{name}-{look}")
        assert visit.page.evaluate(OVERFLOW) <= 0
    assert (visit.complaints, visit.strangers) == ([], [])
    visit.page.context.close()
