"""The version before and this one on one database: an old worker and a new web, and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from deployments.schema import newest
from deployments.stack.ports import free_ports
from tests.e2e.deployments.upgrade.former import Former, Version, versions
from tests.e2e.deployments.upgrade.leaving import given_of, of_former
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_BEFORE = list(versions())[-1]


def prodops(former: Former, *words: str, zone: str, **more: str) -> subprocess.Popen[str]:
    """A command of this version, with what the former one's zone is given."""
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.cli", *words],
        env={**former.info[zone], **more},
        cwd=former.info["ops"]["PRODOPS_STATE_DIR"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@dataclass(frozen=True)
class Web:
    """A web tier of either version."""

    client: httpx.Client

    def ask(self) -> int:
        answer = self.client.post("/api/actions/check_pipeline/")
        assert answer.status_code == 202, answer.text
        return int(answer.json()["request_id"])

    def request(self, request_id: int) -> dict[str, Any]:
        return dict(self.client.get(f"/api/requests/{request_id}/").json())

    def ends(self, request_id: int) -> str:
        ended = {"completed", "failed", "cancelled"}
        wait_until(lambda: self.request(request_id)["state"] in ended, 60)
        return str(self.request(request_id)["state"])


@contextmanager
def web_of(process: subprocess.Popen[str], url: str, token: str) -> Iterator[Web]:
    """The web tier of a process, once it answers."""
    headers = {"Authorization": f"Token {token}"}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
            wait_until(lambda: process.poll() is not None or _answers(client), 60)
            assert process.poll() is None, process.communicate()[1]
            yield Web(client)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/api/health/").status_code == 200
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Beside:
    """The former version's stack, on the schema of this one."""

    version: Version
    former: Former
    token: str
    port: int

    @property
    def here(self) -> str:
        return self.address(self.port)

    def address(self, port: int) -> str:
        return f"http://127.0.0.1:{port}{urlsplit(self.former.info['api']).path}"

    def new_web(self) -> Any:
        process = prodops(self.former, "api", zone="web", PRODOPS_API_PORT=str(self.port))
        return web_of(process, self.here, self.token)

    def old_api(self) -> httpx.Client:
        headers = {"Authorization": f"Token {self.token}"}
        return httpx.Client(base_url=self.former.info["api"], headers=headers, timeout=PATIENCE)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """Migrated while the former version's parts run."""
    version = versions()[_BEFORE]
    if not version.is_in_history:
        pytest.skip(f"{version.commit} is not in this history, and a dump has no code to run")
    directory = tmp_path_factory.mktemp("former")
    with given_of() as given, of_former(version, directory, given) as former:
        scopes = ("--scope", "operate")
        token = former.says("token", "create", "tester", *scopes).split()[-1]
        migrated = prodops(former, "migrate", zone="ops")
        complaint = migrated.communicate(timeout=120)[1]
        assert migrated.returncode == 0, complaint
        yield Beside(version, former, token, free_ports(1)[0])


def test_the_old_worker_does_what_the_new_web_accepts(beside: Beside):
    with beside.new_web() as web:
        number = web.ask()
        assert web.ends(number) == "completed"
        with beside.old_api() as old:
            assert old.get(f"/api/requests/{number}/").json()["state"] == "completed"


def test_the_new_worker_does_what_the_old_web_accepts(beside: Beside):
    beside.former.do("stop", "worker")
    worker = prodops(beside.former, "worker", zone="ops")
    try:
        with beside.old_api() as client:
            assert Web(client).ends(Web(client).ask()) == "completed"
    finally:
        worker.terminate()
        worker.communicate(timeout=60)


def test_the_old_web_starts_on_the_schema_where_that_is_its_own_and_else_says_why_not(
    beside: Beside,
):
    """The version before this one knows its own schema alone; from this one on it is asked."""
    port = str(free_ports(1)[0])
    process = beside.former.prodops("api", zone="web", PRODOPS_API_PORT=port)
    if newest() == beside.version.revision:
        with web_of(process, beside.address(int(port)), beside.token) as web:
            assert web.client.get("/api/requests/").status_code == 200
        return
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    last = said.strip().splitlines()[-1]
    assert f"made for {beside.version.revision}: run the version that migrated it" in last
