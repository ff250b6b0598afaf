"""The version before and this one on one database: an old worker and a new web, and back.

The one before knows its own schema alone; from this one on, parts start on newer ones, too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from deployments.schema import newest
from deployments.stack.ports import free_ports
from flows.common.settings import BadSetting
from tests.e2e.deployments.upgrade.former import ROOT, Former, Version, versions
from tests.e2e.deployments.upgrade.leaving import given_of, of_former, superuser
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_BEFORE = list(versions())[-1]
NEXT = f"{int(newest()) + 1:04}"
_MIGRATION = f"""
from alembic import op

revision = "{NEXT}"
down_revision = "{newest()}"
oldest_code = "{newest()}"


def upgrade():
    op.execute("ALTER TABLE request ADD COLUMN something_new text")
"""


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
    given: Mapping[str, str]

    @property
    def here(self) -> str:
        return self.address(self.port)

    def address(self, port: int) -> str:
        return f"http://127.0.0.1:{port}{urlsplit(self.former.info['api']).path}"

    def new_web(self) -> Any:
        process = prodops(self.former, "api", zone="web", PRODOPS_API_PORT=str(self.port))
        return web_of(process, self.here, self.token)

    @contextmanager
    def new_worker(self) -> Iterator[None]:
        worker = prodops(self.former, "worker", zone="ops")
        try:
            yield
        finally:
            worker.terminate()
            worker.communicate(timeout=60)

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
        yield Beside(version, former, token, free_ports(1)[0], given)


def test_the_old_worker_does_what_the_new_web_accepts(beside: Beside):
    with beside.new_web() as web:
        number = web.ask()
        assert web.ends(number) == "completed"
        with beside.old_api() as old:
            assert old.get(f"/api/requests/{number}/").json()["state"] == "completed"


def test_an_old_worker_that_starts_again_says_why_not_and_what_waits_is_done_by_the_new(
    beside: Beside,
):
    """It looks at the schema at its start only, and knows its own alone."""
    beside.former.do("stop", "worker")
    with beside.old_api() as client:
        web = Web(client)
        number = web.ask()
        assert_refused(beside, beside.former.prodops("worker"))
        assert web.request(number)["state"] == "queued"
        with beside.new_worker():
            assert web.ends(number) == "completed"


def test_an_old_web_that_starts_again_says_why_not(beside: Beside):
    port = str(free_ports(1)[0])
    assert_refused(beside, beside.former.prodops("api", zone="web", PRODOPS_API_PORT=port))


def assert_refused(beside: Beside, process: subprocess.Popen[str]) -> None:
    said = process.communicate(timeout=60)[1]
    assert process.returncode == BadSetting.exit_code, said
    last = said.strip().splitlines()[-1]
    assert f"made for {beside.version.revision}: run the version that migrated it" in last


def test_this_version_works_on_the_schema_of_a_next_one_that_only_adds(
    beside: Beside, tmp_path: Path
):
    next_one = tree_of_next_version(tmp_path)
    migrated = prodops(beside.former, "migrate", zone="ops", PYTHONPATH=str(next_one))
    complaint = migrated.communicate(timeout=120)[1]
    assert migrated.returncode == 0, complaint
    with beside.new_worker(), beside.new_web() as web:
        assert web.ends(web.ask()) == "completed"
    with superuser(beside.given) as connection:
        query = "SELECT version_num, oldest_code FROM alembic_version"
        assert connection.execute(query).fetchall() == [(NEXT, newest())]


def tree_of_next_version(directory: Path) -> Path:
    """The deployments of this version, with one more migration."""
    copy = directory / "deployments"
    shutil.copytree(ROOT / "deployments", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "migrations" / "versions" / f"{NEXT}_next.py").write_text(_MIGRATION)
    return directory
