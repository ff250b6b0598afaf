"""A page in Chromium, and what the browser complained about or asked of others."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.waiting import wait_until

CHROMIUM = Path("/usr/bin/chromium-headless-shell")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SHOTS = os.environ.get("SHOTS_DIR")
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 60_000  # on a busy machine; only what has failed takes so long

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM.name} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is looked at, and what its browser complained about or asked of others."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, token: str) -> None:
        """Give the browser the session of the token."""
        answer = self.page.request.post(f"{self.url}/login/", data={"token": token})
        assert answer.ok, answer.text()

    def follow_alone(self) -> None:
        """Let the page have a stream of its own: what a SharedWorker asks is not seen here."""
        self.page.add_init_script("delete window.SharedWorker; delete window.BroadcastChannel")

    def hold(self, pattern: str) -> Callable[[], Route]:
        """Hold the next question of that address; what is given waits for it."""
        held: list[Route] = []

        def keep(route: Route) -> None:
            held.append(route)

        self.page.route(re.compile(pattern), keep, times=1)
        return lambda: wait_until(lambda: self.page.title() and held)[0]

    def run(self, name: str):
        return self.page.locator(f'#runs [data-f="{name}"]').first

    def expect_live(self) -> None:
        expect(self.page.locator("#connection-words")).to_have_text("Live")

    def expect_numbers(self, **numbers: str) -> None:
        for name, text in numbers.items():
            expect(self.run(name)).to_have_text(text)

    def expect_plot(self) -> None:
        expect(self.page.locator("#plot .main-svg").first).to_be_visible()

    def shot(self, name: str) -> None:
        """Keep what is to be looked at, where SHOTS_DIR says where."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SHOTS, f"{name}.png"), full_page=True)


def begin_visit(chromium: Browser, url: str, **context: object) -> Visit:
    options = {"viewport": {"width": 1280, "height": 900}, **context}
    visit = Visit(chromium.new_context(**options).new_page(), url)

    def note(request):
        visit.asked.append(request.url.removeprefix(url))
        if not request.url.startswith((url, "data:", "blob:")):
            visit.strangers.append(request.url)

    visit.page.on("request", note)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on(
        "console",
        lambda line: line.type in {"error", "warning"} and visit.complaints.append(line.text),
    )
    return visit
