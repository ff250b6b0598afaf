"""The version before and this one on one database: an old worker and a new web, and back.

The one before knows its own schema alone; from this one on, parts start on newer ones, too.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from deployments.sandbox.campaign import CampaignMaker
from deployments.schema import newest
from deployments.stack.ports import free_ports
from flows.common.models import RequestState
from flows.common.settings import BadSetting
from tests.e2e.conftest import stf_message
from tests.e2e.deployments.upgrade.former import ROOT, Former, Version, versions
from tests.e2e.deployments.upgrade.leaving import Left, given_of, leave, of_former, superuser
from tests.e2e.deployments.upgrade.making import OF_DATABASE, SAMPLED, WAITING
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_BEFORE = list(versions())[-1]
_OF_RUCIO = {"fetch_payload_log", "campaign_provenance_sweep"}
_SECONDS = 300
NEXT = f"{int(newest()) + 1:04}"
_MIGRATION = f"""
from alembic import op

revision = "{NEXT}"
down_revision = "{newest()}"
oldest_code = "{newest()}"


def upgrade():
    op.execute("ALTER TABLE request ADD COLUMN something_new text")
"""


@dataclass(frozen=True)
class Web:
    """A web tier of either version, and what somebody asks of it."""

    client: httpx.Client
    token: str

    def ask(self) -> int:
        answer = self.client.post("/api/actions/check_pipeline/")
        assert answer.status_code == 202, answer.text
        return int(answer.json()["request_id"])

    def submit(self, sample: str) -> int:
        """Make a task at PCS, and press its button; gives the request's id."""
        with CampaignMaker(str(self.client.base_url).rstrip("/"), self.token) as maker:
            [name] = maker.make([sample])
        answer = self.client.post(f"/pcs/api/prod-tasks/{name}/submit/", json={})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["request"]["id"])

    def announce(self, namespace: str) -> None:
        body = stf_message(namespace, 900)
        self.client.post("/api/messages/", json=body).raise_for_status()

    def cancel(self, request_id: int) -> None:
        self.client.post(f"/api/requests/{request_id}/cancel/").raise_for_status()

    def request(self, request_id: int) -> dict[str, Any]:
        return dict(self.client.get(f"/api/requests/{request_id}/").json())

    def ends(self, request_id: int) -> str:
        ended = {"completed", "failed", "cancelled"}
        wait_until(lambda: self.request(request_id)["state"] in ended, _SECONDS)
        return str(self.request(request_id)["state"])


@contextmanager
def web_of(process: subprocess.Popen[str], url: str, token: str) -> Iterator[Web]:
    """The web tier of a process, once it answers."""
    headers = {"Authorization": f"Token {token}"}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
            wait_until(lambda: process.poll() is not None or _answers(client), _SECONDS)
            assert process.poll() is None, process.communicate()[1]
            yield Web(client, token)
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
    left: Left
    port: int
    given: Mapping[str, str]

    @property
    def here(self) -> str:
        return self.address(self.port)

    def address(self, port: int) -> str:
        return f"http://127.0.0.1:{port}{urlsplit(self.former.info['api']).path}"

    def new_web(self) -> AbstractContextManager[Web]:
        more = {"PRODOPS_API_PORT": str(self.port)}
        process = self.former.prodops_of_now("api", zone="web", **more)
        return web_of(process, self.here, self.left.token)

    @contextmanager
    def new_worker(self) -> Iterator[None]:
        worker = self.former.prodops_of_now("worker", zone="ops")
        try:
            yield
        finally:
            worker.terminate()
            worker.communicate(timeout=60)

    @contextmanager
    def old_web(self) -> Iterator[Web]:
        headers = {"Authorization": f"Token {self.left.token}"}
        url = self.former.info["api"]
        with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
            yield Web(client, self.left.token)

    def is_sampled(self, namespace: str) -> bool:
        """Whether what was announced in the namespace is sampled, and there is something."""
        query = "SELECT count(*), count(*) FILTER (WHERE state = 'sampled') FROM fastmon_inbox"
        with superuser(self.given) as connection:
            rows = connection.execute(f"{query} WHERE namespace = %s", [namespace]).fetchall()
        [[announced, sampled]] = rows
        return bool(announced) and announced == sampled

    def works(self, web: Web, what: str) -> list[int]:
        """A request, a submission and an STF by that web tier are done by who works now."""
        web.announce(what)
        asked = [web.ask(), web.submit(what)]
        assert [web.ends(number) for number in asked] == ["completed", "completed"]
        wait_until(lambda: self.is_sampled(what), _SECONDS)
        return asked


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """Migrated while the former version's parts run, with requests in every state."""
    version = versions()[_BEFORE]
    if not version.is_in_history:
        pytest.skip(f"{version.commit} is not in this history, and a dump has no code to run")
    directory = tmp_path_factory.mktemp("former")
    with given_of() as given, of_former(version, directory, given) as former:
        left = leave(former, given, kinds=OF_DATABASE, slow_seconds=20)
        assert former.migrate() == ""
        former.do("thaw", "prefect")
        former.do("thaw", "worker")
        yield Beside(version, former, left, free_ports(1)[0], given)


def test_there_are_requests_in_every_state(beside: Beside):
    assert set(beside.left.states.values()) == set(RequestState)


def test_the_old_worker_ends_what_was_open_and_takes_the_new_web_s_cancellations(beside: Beside):
    left, wanted = beside.left, dict(beside.left.expected)
    with beside.new_web() as web:
        for number, action in left.actions.items():
            if left.states[number] == "running" and action in _OF_RUCIO:
                web.cancel(number)
                wanted[number] = "cancelled"
        ends = {number: web.ends(number) for number in wanted if number in left.open}
    assert ends == {number: wanted[number] for number in ends}
    wait_until(lambda: beside.is_sampled(SAMPLED) and beside.is_sampled(WAITING), _SECONDS)


def test_the_old_worker_does_what_the_new_web_accepts(beside: Beside):
    with beside.new_web() as web, beside.old_web() as old:
        for number in beside.works(web, "new-web"):
            assert old.request(number)["state"] == "completed"


def test_an_old_worker_that_starts_again_says_why_not_and_what_waits_is_done_by_the_new(
    beside: Beside,
):
    """It looks at the schema at its start only, and knows its own alone."""
    beside.former.do("stop", "worker")
    with beside.old_web() as web:
        number = web.ask()
        assert_refused(beside, beside.former.prodops("worker"))
        assert web.request(number)["state"] == "queued"
        with beside.new_worker():
            assert web.ends(number) == "completed"
            beside.works(web, "old-web")


def test_an_old_web_that_starts_again_says_why_not(beside: Beside):
    port = str(free_ports(1)[0])
    assert_refused(beside, beside.former.prodops("api", zone="web", PRODOPS_API_PORT=port))


def test_back_to_the_version_before_what_waits_is_done_by_its_own_parts(beside: Beside):
    """The new parts are stopped: their migrations are undone, and the old ones start."""
    former = beside.former
    with beside.new_web() as web:
        waiting = web.ask()
    former.do("stop", "api")
    assert former.migrate("--back-to", beside.version.revision) == ""
    for part in ("api", "worker"):
        former.do("start", part)
    with beside.old_web() as web:
        assert web.ends(waiting) == "completed"
        beside.works(web, "back")
    former.do("stop", "worker")


def assert_refused(beside: Beside, process: subprocess.Popen[str]) -> None:
    said = process.communicate(timeout=60)[1]
    assert process.returncode == BadSetting.exit_code, said
    last = said.strip().splitlines()[-1]
    assert f"made for {beside.version.revision}: run the version that migrated it" in last


def test_this_version_works_on_the_schema_of_a_next_one_that_only_adds(
    beside: Beside, tmp_path: Path
):
    next_one = tree_of_next_version(tmp_path)
    assert beside.former.migrate(PYTHONPATH=str(next_one)) == ""
    with beside.new_worker(), beside.new_web() as web:
        beside.works(web, "next")
    with superuser(beside.given) as connection:
        query = "SELECT version_num, oldest_code FROM alembic_version"
        assert connection.execute(query).fetchall() == [(NEXT, newest())]


def tree_of_next_version(directory: Path) -> Path:
    """The deployments of this version, with one more migration."""
    copy = directory / "deployments"
    shutil.copytree(ROOT / "deployments", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "migrations" / "versions" / f"{NEXT}_next.py").write_text(_MIGRATION)
    return directory
