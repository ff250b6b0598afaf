"""Prefect's UI in Chromium: no page of it asks another host."""

from __future__ import annotations

import base64
import itertools
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from playwright.sync_api import Page, Request

from tests.browser import visits

pytestmark = pytest.mark.browser

chromium = visits.chromium


@dataclass
class Looking:
    """A browser that is signed in at the shared stack's Prefect, and whom its pages ask."""

    page: Page
    rest: httpx.Client
    origin: str
    strangers: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("requestfinished", self._note)
        self.page.on("requestfailed", self._note)

    def _note(self, request: Request) -> None:
        is_kept_back = request.failure == "csp"  # the browser has not sent it
        if not request.url.startswith((self.origin, "data:", "blob:")) and not is_kept_back:
            self.strangers.append(f"{request.url} of {self.page.url}")

    def open(self, path: str) -> None:
        self.page.goto(self.origin + path, wait_until="networkidle")

    def ids(self) -> tuple[str, str]:
        """A deployment, and a run of it."""
        deployment = self.rest.get("/deployments/name/check-pipeline/check_pipeline").json()["id"]
        made = self.rest.post(f"/deployments/{deployment}/create_flow_run", json={})
        return deployment, made.json()["id"]


@pytest.fixture
def looking(chromium, prefect_environment) -> Iterator[Looking]:
    address = prefect_environment["PREFECT_API_URL"]
    auth = prefect_environment["PREFECT_API_AUTH_STRING"]
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    known = base64.b64encode(auth.encode()).decode()
    context.add_init_script(f"localStorage.setItem('prefect-password', '{known}')")
    user, _, password = auth.partition(":")
    with httpx.Client(base_url=address, auth=(user, password), timeout=30) as rest:
        looking = Looking(context.new_page(), rest, address.removesuffix("/api"))
        looking.watch()
        yield looking
    context.close()


FEW = ("/runs/flow-run/RUN", "/settings")
ALL = (
    *FEW, "/deployments/deployment/ID/run", "/blocks/catalog", "/dashboard", "/runs", "/flows",
    "/deployments", "/deployments/deployment/ID", "/work-pools", "/work-pools/create",
    "/work-pools/work-pool/prodops", "/blocks", "/variables", "/automations",
    "/automations/create", "/events", "/artifacts", "/concurrency-limits",
)  # fmt: skip


# A page takes a second: the browser waits until half a second has been quiet.
@pytest.mark.slow
@pytest.mark.parametrize("paths", [FEW, ALL], ids=len)
def test_no_page_asks_another_host(looking, paths):
    deployment, run = looking.ids()
    for path in [each.replace("ID", deployment).replace("RUN", run) for each in paths]:
        looking.open(path)
        # The page is there, and is no sign-in or error page.
        looking.page.locator("main, .app-router-view").first.wait_for()
        assert looking.page.url.partition("?")[0] == looking.origin + path
    assert looking.strangers == []


@pytest.fixture
def stranger() -> Iterator[tuple[int, Iterator[int]]]:
    """Another host's port, and how often it was asked."""
    asked = itertools.count()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                next(asked)
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)


def test_a_logo_of_another_host_is_not_fetched(looking, stranger):
    port, asked = stranger
    slug = f"logo-{uuid.uuid4()}"
    logo = f"http://127.0.0.1:{port}/logo.png"
    made = looking.rest.post("/block_types/", json={"name": slug, "slug": slug, "logo_url": logo})
    try:
        looking.open(f"/blocks/catalog/{slug}")
        looking.page.wait_for_function(f"document.querySelector('img[src=\"{logo}\"]')?.complete")
    finally:
        looking.rest.delete(f"/block_types/{made.json()['id']}")
    assert next(asked) == 0
