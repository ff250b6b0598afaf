"""Requests in every state, and of every kind, at a stack of a former version."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import httpx

from deployments.backup.server import Connection
from deployments.sandbox.campaign import CampaignMaker
from tests.e2e.conftest import stf_message
from tests.e2e.deployments.upgrade.former import Former
from tests.support.one_campaign import CAMPAIGN, DATASET, JOB, LOG, prepare_pcs
from tests.support.workflows import QUICK as QUICK_WORKFLOW
from tests.waiting import wait_until

STFS: Final = 5
"""Of each namespace."""
SAMPLED, WAITING = "epic", "waits"
"""The namespace whose sampling is running at the end, and that whose STFs wait for it."""
WORKFLOW: Final = "played"
OF_DATABASE: Final[dict[str, dict[str, str]]] = {"prune_history": {}, "sync_task_states": {}}
ALL_KINDS: Final[dict[str, dict[str, str]]] = {
    **OF_DATABASE,
    "rucio_snapshot_update": {},
    "sweep_producing_campaigns": {},
    "sweep_arrivals": {},
    "evgen_rucio_update": {},
    "register_evgen": {"dry_run": "true"},
    "read_did": {"scope": "epic", "name": DATASET},
}
"""What waits at the end, beside tasks, samplings and workflows; with what needs a Rucio."""


@dataclass
class Unanswering:
    """A Rucio that takes connections and never answers: what asks it, runs."""

    port: int

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
            yield cls(server.getsockname()[1])

    def settings(self, directory: Path) -> dict[str, str]:
        """How a former version is to use it."""
        password = directory / "password.rucio"
        password.touch(mode=0o600)
        password.write_text("unused")
        named = {
            "URL": f"http://127.0.0.1:{self.port}",
            "AUTH_TYPE": "userpass",
            "ACCOUNT": "reader",
            "USERNAME": "reader",
            "PASSWORD_FILE": os.fspath(password),
            "TIMEOUT_SECONDS": "600",
        }
        used = ("LOGS", "PRODUCED")
        urls = {f"PRODOPS_RUCIO_{use}_{name}": named[name] for use in used for name in named}
        return {"PRODOPS_SANDBOX_GRID": "false", **urls}


@dataclass
class Making:
    """Makes them, as somebody at the ops side of that version does."""

    former: Former
    connection: Connection
    client: httpx.Client
    panda: httpx.Client
    kinds: Mapping[str, dict[str, str]]
    expected: dict[int, str] = field(default_factory=dict)
    """How each request that is open at the end is to end."""

    def make(self, token: str, *, slow_seconds: float) -> None:
        """Make all of them; at the end the worker and Prefect stand still."""
        prepare_pcs(self.client)
        with CampaignMaker(self.former.info["api"], token) as maker:
            names = maker.make(["done", "running", "doubtful", "waiting"])
        done, running, doubtful, waiting = names
        finished = self._make_ended(done)
        self._make_running(running, doubtful, slow_seconds)
        self._make_claimed()
        self._make_waiting(waiting, finished)

    def _make_ended(self, task: str) -> int:
        """A completed one, a failed and a cancelled one; gives the task's jediTaskID."""
        self._await(self._run("submit_task", "failed", task_name="no.such.task"), "failed")
        self._await(self._run("submit_task", "completed", task_name=task), "completed")
        cancelled = self._run("read_did", "cancelled", scope="epic", name="/nowhere")
        self._await(cancelled, "running")
        self.former.says("request", "cancel", str(cancelled))
        self._await(cancelled, "cancelled")
        query = "SELECT jedi_task_id FROM submission_attempt WHERE jedi_task_id IS NOT NULL"
        [[number]] = self.connection.execute(query).fetchall()
        return int(number)

    def _make_running(self, task: str, doubtful: str, slow_seconds: float) -> None:
        """One of each kind that runs for long, and one of which it is not known what it did."""
        for name, values in (
            (task, {"kind": "slow", "when": "after", "seconds": slow_seconds}),
            (doubtful, {"kind": "drop", "when": "before"}),
        ):
            fault = {"endpoint": "task/submit", "name": name, **values}
            self.panda.post("faults", json=fault).raise_for_status()
        self.panda.post("jobs", json=JOB).raise_for_status()
        self._announce(SAMPLED)
        asked = [
            self._run("submit_task", "completed", task_name=task),
            self._run("fetch_payload_log", "completed", **{k: str(v) for k, v in LOG.items()}),
            self._run("campaign_provenance_sweep", "completed", campaign=CAMPAIGN),
        ]
        if self.former.version.has_workflows:
            asked.append(self._run_workflow())
        for number in asked:
            self._await(number, "running")
        query = "SELECT id FROM request WHERE action = 'sample_stfs' AND state = 'running'"
        wait_until(lambda: self.connection.execute(query).fetchall(), 60)
        self._await(self._run("submit_task", "completed", task_name=doubtful), "unknown")

    def _run_workflow(self) -> int:
        body = {
            "namespace": WORKFLOW,
            "stf_count": 40,
            "stf_interval": 1.0,
            "overrides": QUICK_WORKFLOW,
        }
        answer = self.client.post("/api/actions/run_workflow/", json=body)
        assert answer.status_code == 202, answer.text
        number = int(answer.json()["request_id"])
        self.expected[number] = "completed"
        return number

    def _make_claimed(self) -> None:
        """One that the worker has, and whose run Prefect is yet to make or to admit."""
        query = "SELECT state FROM request WHERE id = (SELECT max(id) FROM request)"
        for _ in range(10):
            [[before]] = self.connection.execute("SELECT max(id) FROM request").fetchall()
            process = self.former.prodops("run", "prune_payload_logs", "--json")
            claimed = f"SELECT id FROM request WHERE id > {before} AND state <> 'queued'"
            [[number]] = wait_until(
                lambda: self.connection.execute(claimed).fetchall(),  # noqa: B023
                60,
                pause=0.001,
            )
            self.former.do("freeze", "prefect")
            process.communicate(timeout=60)
            wait_until(lambda: self._is_settled(query), 5)
            if self._state(number) == "claimed":
                self.expected[number] = "completed"
                self.former.do("freeze", "worker")
                return
            self.former.do("thaw", "prefect")
        raise AssertionError("no request was ever seen claimed")

    def _is_settled(self, query: str) -> bool:
        """Whether a state stays for a moment in which a run would have begun."""
        first = self.connection.execute(query).fetchall()
        self.connection.execute("SELECT pg_sleep(1)")
        return bool(first == self.connection.execute(query).fetchall())

    def _make_waiting(self, task: str, finished: int) -> None:
        """One of every kind that waits; one that is put off, and one that somebody cancelled."""
        for name, parameters in self.kinds.items():
            self._run(name, "completed", **parameters)
        self._run("submit_task", "completed", task_name=task)
        pause = {"operation": "pause", "jedi_task_id": str(finished)}
        self._run("panda_task_operation", "completed", **pause)
        self.former.says("request", "cancel", str(self._run("check_pipeline", "cancelled")))
        later = "UPDATE request SET not_before = now() + interval '20 s' WHERE id = %s"
        self.connection.execute(later, [self._run("check_pipeline", "completed")])
        self._announce(WAITING)

    def _announce(self, namespace: str) -> None:
        for number in range(STFS):
            body = stf_message(namespace, number)
            self.client.post("/api/messages/", json=body).raise_for_status()

    def _run(self, action: str, end: str, **parameters: str) -> int:
        number = self.former.run(action, **parameters)
        self.expected[number] = end
        return number

    def _state(self, number: int) -> str:
        query = "SELECT state FROM request WHERE id = %s"
        [[found]] = self.connection.execute(query, [number]).fetchall()
        return str(found)

    def _await(self, number: int, state: str) -> None:
        wait_until(lambda: self._state(number) == state, 60)


@contextmanager
def making(
    former: Former,
    given: Mapping[str, str],
    token: str,
    connection: Connection,
    kinds: Mapping[str, dict[str, str]],
) -> Iterator[Making]:
    """What makes them at a running stack."""
    panda = f"http://127.0.0.1:{given['PRODOPS_SANDBOX_PANDA_PORT']}"
    headers = {"Authorization": f"Token {token}"}
    with (
        httpx.Client(base_url=f"{panda}/_sandbox/", timeout=20) as controls,
        httpx.Client(base_url=former.info["api"], headers=headers, timeout=20) as client,
    ):
        yield Making(former, connection, client, controls, kinds)
