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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from deployments.backup.programs import programs_for
from deployments.backup.server import Connection, Server, server_of
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.panda.jobs import NewJob, PutJobs
from deployments.sandbox.panda.statuses import Status
from deployments.sandbox.panda.tasks import Task, write_tasks
from deployments.stack.environment import sandbox_panda_url
from deployments.stack.stack import Stack
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from tests.e2e.deployments.upgrade.former import Former, Version, running, versions
from tests.e2e.deployments.upgrade.making import ALL_KINDS, Unanswering, making
from tests.grid import GRID_PARTS
from tests.support import one_campaign
from tests.whole_stack import PRODUCTION

_PATIENT: Final = {
    "PRODOPS_SUBMISSION_TIMEOUT_SECONDS": "90",
    "PRODOPS_SUBMISSION_SERVER_LIMIT_SECONDS": "60",
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "30",
    "PRODOPS_FASTMON_IDLE_SECONDS": "300",
    "PRODOPS_FASTMON_RUN_SECONDS": "300",
    "PRODOPS_WORKER_LIMIT": "12",
}
"""So that what is to be left running, or unknown, is so until the kill."""
_PANDA_USER: Final = "Prod Ops"
_DUMP: Final = ("--no-password", "--no-comments", "--exclude-table-data=swf_applog")
# Which older releases of psql do not know.
_RESTRICTIONS: Final = re.compile(rb"^\\(un)?restrict .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Left:
    """What was there when the former version ended.

    Attributes:
        states: Of each request, by its id.
        actions: Likewise.
        expected: How each that was open is to end, where it was asked for by hand.
        events: Each event's payload, by its id.
        token: Of a caller; empty: nobody knows it any more.
    """

    states: dict[int, str]
    actions: dict[int, str]
    events: dict[int, Any]
    token: str = ""
    expected: Mapping[int, str] = field(default_factory=dict)

    @property
    def open(self) -> set[int]:
        """The requests that had not ended."""
        ended = {"completed", "failed", "cancelled"}
        return {number for number, state in self.states.items() if state not in ended}


@contextmanager
def given_of(more: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """The settings of a stack that a former version begins and this one goes on with."""
    grid = {"PRODOPS_SANDBOX_GRID": "true"}
    given = temporary_environment({**PRODUCTION, **grid, **(more or {})})
    try:
        yield given
    finally:
        remove_state(temporary_settings(given))


@contextmanager
def of_former(version: Version, directory: Path, given: Mapping[str, str]) -> Iterator[Former]:
    """The running stack of a former version."""
    with Unanswering.running() as rucio:
        patient = {**given, **_PATIENT, **rucio.settings(directory)}
        with running(version, directory, patient) as former:
            yield former


def leave(
    former: Former,
    given: Mapping[str, str],
    *,
    kinds: Mapping[str, dict[str, str]] = ALL_KINDS,
    slow_seconds: float = 100,
) -> Left:
    """Make requests in every state and of every kind; the worker and Prefect stand still then.

    Args:
        former: The version that has them.
        given: Its settings.
        kinds: Actions of which one request each waits, with their parameters.
        slow_seconds: How long PanDA takes over the submission that is running.
    """
    scopes = ("--scope", "operate") if former.version.has_workflows else ()
    token = former.says("token", "create", "tester", *scopes).split()[-1]
    with superuser(given) as connection, making(former, given, token, connection, kinds) as made:
        made.make(token, slow_seconds=slow_seconds)
        return replace(seen(connection, token), expected=made.expected)


def fill_grid(given: Mapping[str, str]) -> None:
    """Let the grid have what the sweeps and fetches that are open look for."""
    settings = temporary_settings(given)
    stack = Stack(settings, given, parts=GRID_PARTS, is_migrated=False)
    try:
        stack.start()
        one_campaign.fill(Grid(settings))
    finally:
        stack.stop()


def superuser(given: Mapping[str, str]) -> Connection:
    """A connection to the stack's database that may see everything."""
    server = server_of(temporary_settings(given))
    return server.connect(server.admin, server.prodops)


def seen(connection: Connection, token: str = "") -> Left:
    """What is there now."""
    requests = connection.execute("SELECT id, state, action FROM request").fetchall()
    events = connection.execute("SELECT id, payload FROM event").fetchall()
    states = {number: state for number, state, _ in requests}
    actions = {number: action for number, _, action in requests}
    wishes = connection.execute("SELECT request_id FROM cancellation").fetchall()
    cancelled = {number: "cancelled" for [number] in wishes}
    return Left(states, actions, dict(events), token, cancelled)


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
            _be_at(connection, sandbox_panda_url(settings))
            return seen(connection)
    finally:
        stack.stop()


def _keep_tasks(connection: Connection, directory: Path) -> None:
    """Let PanDA have the tasks that are recorded: it gives no jediTaskID twice; and the job."""
    query = "SELECT jedi_task_id, panda_name, created_at FROM submission_attempt"
    recorded = connection.execute(f"{query} WHERE jedi_task_id IS NOT NULL").fetchall()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    tasks = (
        Task(
            id=number,
            name=name,
            user_name=_PANDA_USER,
            dn=f"{_PANDA_USER}/CN=nickname:prodops",
            parameters={
                "taskName": name,
                "userName": _PANDA_USER,
                "vo": "wlcg",
                "prodSourceLabel": "test",
            },
            created_at=at,
            modified_at=at,
            status=Status.RUNNING,
        )
        for number, name, at in recorded
    )
    write_tasks(directory / "tasks.json", tasks)
    PutJobs(directory / "jobs.json").add(NewJob.model_validate(one_campaign.JOB))


def _be_at(connection: Connection, panda_url: str) -> None:
    """Let the PanDA that has the recorded tasks and jobs be the one of now: its port was free."""
    query = "SELECT table_name FROM information_schema.columns WHERE column_name = 'panda_server'"
    for [table] in connection.execute(query).fetchall():
        moved = sql.SQL("UPDATE {} SET panda_server = %s WHERE panda_server IS NOT NULL")
        connection.execute(moved.format(sql.Identifier(table)), [panda_url])


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
            former.do("kill")
            former.process.wait(60)
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
