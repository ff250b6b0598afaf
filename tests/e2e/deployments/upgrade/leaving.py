"""What a former version leaves: requests in every state, tasks, STFs; then it is killed.

``python -m tests.e2e.deployments.upgrade.leaving [NAME]`` writes the dumps for a shallow history.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from deployments.backup.programs import programs_for
from deployments.backup.server import Connection, Server, server_of
from deployments.sandbox.campaign import CampaignMaker
from deployments.sandbox.panda.statuses import Status
from deployments.sandbox.panda.tasks import Task, write_tasks
from deployments.stack.stack import Stack
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from tests.e2e.conftest import stf_message
from tests.e2e.deployments.upgrade.former import Former, Version, running, versions
from tests.waiting import wait_until
from tests.whole_stack import PRODUCTION

_PATIENT: Final = {
    "PRODOPS_SUBMISSION_TIMEOUT_SECONDS": "90",
    "PRODOPS_SUBMISSION_SERVER_LIMIT_SECONDS": "60",
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "30",
}
"""So that what is to be left running, or unknown, is so until the kill."""
STFS: Final = 5
_PANDA_USER: Final = "Prod Ops"
_DUMP: Final = ("--no-password", "--no-comments", "--exclude-table-data=swf_applog")
# Which older releases of psql do not know.
_RESTRICTIONS: Final = re.compile(rb"^\\(un)?restrict .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Left:
    """What was there when the former version ended.

    Attributes:
        states: Of each request, by its id.
        cancelled: Requests that somebody wished to end.
        events: Each event's payload, by its id.
        token: Of a caller; empty: nobody knows it any more.
    """

    states: dict[int, str]
    cancelled: set[int]
    events: dict[int, Any]
    token: str = ""

    @property
    def open(self) -> set[int]:
        """The requests that had not ended."""
        ended = {"completed", "failed", "cancelled"}
        return {number for number, state in self.states.items() if state not in ended}


@contextmanager
def given_of(more: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """The settings of a stack that a former version begins and this one goes on with."""
    given = temporary_environment({**PRODUCTION, **(more or {})})
    try:
        yield given
    finally:
        remove_state(temporary_settings(given))


@contextmanager
def of_former(version: Version, directory: Path, given: Mapping[str, str]) -> Iterator[Former]:
    """The running stack of a former version."""
    with running(version, directory, {**given, **_PATIENT}) as former:
        yield former


def leave(former: Former, given: Mapping[str, str]) -> Left:
    """Make requests in every state, and kill the stack."""
    token = former.says("token", "create", "tester").split()[-1]
    _make(former, given, token)
    with superuser(given) as connection:
        left = seen(connection, token)
    former.do("kill")
    former.process.wait(60)
    return left


def _make(former: Former, given: Mapping[str, str], token: str) -> None:
    api, panda = former.info["api"], f"http://127.0.0.1:{given['PRODOPS_SANDBOX_PANDA_PORT']}"
    with (
        CampaignMaker(api, token) as maker,
        httpx.Client(base_url=f"{panda}/_sandbox/", timeout=20) as controls,
        httpx.Client(
            base_url=api, headers={"Authorization": f"Token {token}"}, timeout=20
        ) as client,
        superuser(given) as connection,
    ):
        done, running_one, doubtful = maker.make(["done", "running", "doubtful"])
        former.run("submit_task", task_name="no.such.task")
        first = former.run("submit_task", task_name=done)
        _await(connection, first, "completed")
        faults = [
            (running_one, {"kind": "slow", "when": "after", "seconds": 100}),
            (doubtful, {"kind": "drop", "when": "before"}),
        ]
        for name, values in faults:
            fault = {"endpoint": "task/submit", "name": name, **values}
            controls.post("faults", json=fault).raise_for_status()
        _await(connection, former.run("submit_task", task_name=running_one), "running")
        _await(connection, former.run("submit_task", task_name=doubtful), "unknown")
        former.do("freeze", "worker")
        former.run("check_pipeline")
        former.says("request", "cancel", str(former.run("check_pipeline")))
        put_off = former.run("check_pipeline")
        later = "UPDATE request SET not_before = now() + interval '20 s' WHERE id = %s"
        connection.execute(later, [put_off])
        for number in range(STFS):
            body = stf_message("epic", number)
            client.post("/api/messages/", json=body).raise_for_status()


def _await(connection: Connection, request_id: int, state: str) -> None:
    query = "SELECT state FROM request WHERE id = %s"

    def is_reached() -> bool:
        [[found]] = connection.execute(query, [request_id]).fetchall()
        return bool(found == state)

    wait_until(is_reached, 60)


def superuser(given: Mapping[str, str]) -> Connection:
    """A connection to the stack's database that may see everything."""
    server = server_of(temporary_settings(given))
    return server.connect(server.admin, server.prodops)


def seen(connection: Connection, token: str = "") -> Left:
    """What is there now."""
    requests = connection.execute("SELECT id, state FROM request").fetchall()
    wishes = connection.execute("SELECT request_id FROM cancellation").fetchall()
    events = connection.execute("SELECT id, payload FROM event").fetchall()
    return Left(dict(requests), {number for [number] in wishes}, dict(events), token)


def restored_from_dump(version: Version, given: Mapping[str, str]) -> Left:
    """Make a database of what the version once left; Prefect of then is gone."""
    settings = temporary_settings(given)
    stack = Stack(settings, given, parts=("postgres",), is_migrated=False)
    try:
        stack.start()
        server = server_of(settings)
        _psql(server, gzip.decompress(version.dump.read_bytes()))
        with superuser(given) as connection:
            _keep_tasks(connection, stack.layout.sandbox("panda"))
            return seen(connection)
    finally:
        stack.stop()


def _keep_tasks(connection: Connection, directory: Path) -> None:
    """Let PanDA have the tasks that are recorded: it gives no jediTaskID twice."""
    query = "SELECT jedi_task_id, panda_name, created_at FROM submission_attempt"
    recorded = connection.execute(f"{query} WHERE jedi_task_id IS NOT NULL").fetchall()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    tasks = (
        Task(
            id=number,
            name=name,
            user_name=_PANDA_USER,
            dn=f"{_PANDA_USER}/CN=nickname:prodops",
            parameters={"taskName": name, "vo": "wlcg", "prodSourceLabel": "test"},
            created_at=at,
            modified_at=at,
            status=Status.DONE,
        )
        for number, name, at in recorded
    )
    write_tasks(directory / "tasks.json", tasks)


def _psql(server: Server, script: bytes) -> None:
    programs = programs_for(_major(server), None)
    done = subprocess.run(
        [programs.directory / "psql", "-w", "-q", "-X", "-v", "ON_ERROR_STOP=1"],
        env={"PATH": os.environ["PATH"], **server.environment(server.admin, server.prodops)},
        input=script,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def _major(server: Server) -> int:
    with server.connect(server.admin, "postgres") as connection:
        return connection.info.server_version // 10_000


def write_dump(version: Version) -> None:
    """Let the version leave something, and keep a dump of it beside this module."""
    with given_of() as given, tempfile.TemporaryDirectory() as directory:
        with of_former(version, Path(directory), given) as former:
            leave(former, given)
        settings = temporary_settings(given)
        stack = Stack(settings, given, parts=("postgres",), is_migrated=False)
        stack.start()
        server = server_of(settings)
        done = subprocess.run(
            [programs_for(_major(server), None).directory / "pg_dump", *_DUMP],
            env={"PATH": os.environ["PATH"], **server.environment(server.admin, server.prodops)},
            capture_output=True,
            check=True,
        )
        stack.stop()
    version.dump.write_bytes(gzip.compress(_RESTRICTIONS.sub(b"", done.stdout), mtime=0))


if __name__ == "__main__":
    for name in sys.argv[1:] or versions():
        write_dump(versions()[name])
