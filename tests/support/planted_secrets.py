"""The secrets of a stack, and what it shows: processes, pages, the stream, Prefect's answers."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from deployments.sandbox.broker import access as broker
from deployments.sandbox.grid import access as grid
from deployments.stack.credentials import Credentials, password_in
from deployments.stack.stack import Stack
from tests.e2e.conftest import Site

_TOKENS = ("refresh_token", "access_token", "id_token")  # which may be one and the same
_HREF = re.compile(r'(?:href|src|data-url)="([^"#]+)"')
_PAUSE_SECONDS = 0.05
_MOST_PAGES = 150
_KINDS = (
    "artifacts", "block_documents", "deployments", "flow_runs", "flows", "logs", "task_runs",
    "work_pools",
)  # fmt: skip

Needles = Mapping[str, str]
"""What is looked for, and how each is called."""


def secrets_of(stack: Stack) -> dict[str, str]:
    """Every secret that a stack with the sandbox's grid, PanDA and broker has been given."""
    own = Credentials(stack.layout.secrets)
    settings = stack.settings
    found = {password_in(path): f"database password of {r}" for r, path in own.passfiles.items()}
    logins = {"Prefect": own.prefect_api.read_text().strip()}
    for account in grid.ACCOUNTS:
        logins[f"Rucio ({account})"] = f"{account}:{grid.password(settings, account)}"
    for user in broker.USERS:
        logins[f"bus ({user})"] = broker.login_file(settings, user).read_text().strip()
    for name, login in logins.items():
        found[login.partition(":")[2]] = f"password of {name}"
        found[base64.b64encode(login.encode()).decode().rstrip("=")] = f"login of {name}"
    for path in (own.cookie_key, own.pcs_token, own.canary_token):
        found[path.read_text().strip()] = path.name
    found |= token_of_panda(stack)
    key = (grid.certificates_of(settings) / "proxy-panda.pem").read_text().partition("PRIVATE")[2]
    found |= {line: "key of the proxy" for line in key.splitlines()[1:] if len(line) == 64}
    assert all(len(text) >= 16 for text in found)
    return found


def token_of_panda(stack: Stack) -> dict[str, str]:
    """The parts of the tokens for PanDA; each counts as the whole, but the first is no secret."""
    path = stack.layout.sandbox("panda") / "pathena" / ".token"
    token = json.loads(path.read_text())
    return {
        part: f"{name} of PanDA" for name in _TOKENS for part in token[name].split(".")[1:] if part
    }


def standing_in(texts: Mapping[str, str | bytes], needles: Needles) -> list[str]:
    """Which needle stands in which of the texts."""
    return [
        f"{name} stands in {place}"
        for place, text in texts.items()
        for needle, name in needles.items()
        if (needle.encode() if isinstance(text, bytes) else needle) in text
    ]


class Watched:
    """What the processes below some show of themselves, from their start to their end."""

    def __init__(self, *roots: int) -> None:
        self.environments: dict[str, bytes] = {}
        self.command_lines: dict[str, bytes] = {}
        self._roots = roots
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Look at all of them once."""
        for process in self._processes():
            with suppress(OSError):  # it ends as it is looked at
                place = Path(f"/proc/{process.pid}")
                line = (place / "cmdline").read_bytes()
                shown = line.replace(b"\0", b" ").decode(errors="replace").strip()
                name = f"{process.pid} {shown}"
                self.command_lines[name] = line
                # Between fork and exec a process is its parent in another one's place.
                before = self.environments.get(name, b"")
                self.environments[name] = before or (place / "environ").read_bytes()

    def _watch(self) -> None:
        while not self._stopping.wait(_PAUSE_SECONDS):
            self.look()

    def _processes(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(root)
                yield process
                yield from process.children(recursive=True)


def pages(browser: httpx.Client, starts: Iterable[str]) -> dict[str, str]:
    """The pages and REST answers that are reached from some, by links, by their paths."""
    base = browser.base_url
    waiting, found = list(starts), {}
    while waiting and len(found) < _MOST_PAGES:
        path = waiting.pop(0)
        if path in found or "/stream/" in path or "/logout/" in path:
            continue
        answer = browser.get(path, follow_redirects=True)
        found[path] = f"{answer.headers}\n{answer.text}"
        links = map(answer.url.join, _HREF.findall(answer.text))
        waiting += [str(each) for each in links if each.netloc == base.netloc]
    return found


def rest_paths(browser: httpx.Client) -> list[str]:
    """The GET routes without parameters in their paths, as the API describes them."""
    described = browser.get("openapi.json").raise_for_status().json()["paths"]
    return [
        path.removeprefix("/")
        for path, methods in described.items()
        if "get" in methods and "{" not in path and "stream" not in path
    ]


def streamed(site: Site) -> str:
    """All events that are kept, as a client of the stream gets them after the first."""
    first, *_, last = site.events()
    lines = []
    with site.api.stream("GET", "/api/messages/stream/", params={"after": first.id}) as answer:
        for line in answer.iter_lines():
            lines.append(line)
            if line.startswith("id:") and int(line[3:]) >= last.id:
                break
    return "\n".join(lines)


def known_to_prefect(site: Site) -> dict[str, str]:
    """What Prefect's API shows: flow runs with parameters, logs, artifacts, blocks and so on."""
    return {kind: json.dumps(list(_listed(site, kind))) for kind in _KINDS}


def _listed(site: Site, kind: str) -> Iterator[Any]:
    for offset in range(0, 100_000, 200):
        rows = site.ask("POST", f"/{kind}/filter", limit=200, offset=offset)
        yield from rows
        if len(rows) < 200:
            return
