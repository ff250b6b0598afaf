"""Submissions without a worker: PCS, the sandbox's PanDA, prun, and the flows in this process."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import Task
from sqlalchemy import select, update

from blocks.errors import ProdOpsError
from blocks.panda_server.identity import Identity
from blocks.pcs_service import NotAllowed, PcsService
from deployments.sandbox.panda import PandaSandbox
from flows.common import actions, cancellations, claims, requests
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import OPEN, Event, Request, RequestState
from flows.common.settings import settings
from flows.submission import flow
from flows.submission.models import PandaRemark, SubmissionAttempt
from flows.submission.tasks import (
    associating,
    operating,
    preparing,
    reconciling,
    recording,
    resolving,
    sending,
    syncing,
    updating,
)
from tests.databases import Database
from tests.panda_calls import send, task_parameters
from tests.pcs_client import CONFIG, DATA, Pcs

_MODULES = (
    flow, associating, operating, preparing, reconciling, recording, resolving, sending, syncing,
    updating,
)  # fmt: skip
_QUICK = {
    "PRODOPS_SUBMISSION_SERVER_LIMIT_SECONDS": "0",
    "PRODOPS_SUBMISSION_CONFIRM_SECONDS": "0.1",
    "PRODOPS_SUBMISSION_OPERATION_SECONDS": "3",
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "1",
}
STRANGER = "Some Body"


@dataclass
class Submissions:
    """What an operator does, what PanDA does, and what the records say."""

    database: Database
    pcs: Pcs
    directory: Path
    monkeypatch: pytest.MonkeyPatch
    panda: PandaSandbox = field(init=False)

    # -------------------------------------------------------------- PanDA

    @property
    def user(self) -> str:
        """Who we are at PanDA."""
        return Identity.of(self.panda.token()).name

    def start_panda(self) -> None:
        self.panda = PandaSandbox(self.directory, refine_seconds=0.05)
        self.panda.__enter__()
        self.monkeypatch.setenv("PRODOPS_PANDA_URL_SSL", self.panda.url)
        self.monkeypatch.setenv("PRODOPS_PANDA_CONFIG_ROOT", str(self.panda.config_root))
        settings.cache_clear()

    def lose_panda(self, *, is_elsewhere: bool = False) -> None:
        """A PanDA that was installed anew: the same address, unless told otherwise."""
        former = self.panda.url
        self.panda.__exit__()
        shutil.rmtree(self.directory)
        self.start_panda()
        if not is_elsewhere:  # a port of its own would be another server
            self.monkeypatch.setenv("PRODOPS_PANDA_FORMER_URLS", former)
            settings.cache_clear()

    def by_hand(self, name: str, user: str | None = None, **more: Any) -> int:
        """Make a task at PanDA, refined and running, as somebody; gives its number."""
        token = {"name": user} if user else {}
        body = {"task_parameters": task_parameters(f"{name}/", **more), "parent_tid": None}
        answer = send(self.panda, "task/submit", body, **token)
        assert answer["success"], answer
        self.panda.refine()
        return int(answer["data"])

    # -------------------------------------------------------------- PCS

    def ready(self, name: str, **data: Any) -> str:
        """A task that can be submitted; gives its name at PanDA."""
        task = self.pcs.make_ready(name, config=CONFIG | {"data": DATA | data})
        return str(task["composed_name"])

    # -------------------------------------------------------------- requests

    def submit(self, name: str) -> Request:
        """Press the button, and do what the worker then does."""
        self.pcs.submit(name)
        return self.work()

    def submitted(self, name: str, **data: Any) -> int:
        """A task that was submitted by us and is running; gives its number."""
        self.ready(name, **data)
        request = self.submit(name)
        assert request.state == RequestState.COMPLETED, request.error
        self.panda.refine()
        return int((request.result or {})["jedi_task_id"])

    def operate(self, name: str, operation: str, **body: Any) -> Request:
        self.pcs.good("POST", f"prod-tasks/{name}/{operation}/", body)
        return self.work()

    def sync(self) -> Request:
        return self.ask("sync_task_states")

    def ask(self, action: str, **parameters: Any) -> Request:
        """Ask for an action, and do what the worker then does."""
        wanted = actions.get(action)
        with transaction(self.database.ops_engine) as session:
            form = wanted.parse(parameters)
            requests.accept(session, wanted, form, caller=on_ops_side("ann"), source="rest")
        return self.work()

    def work(self, request_id: int | None = None) -> Request:
        """Run the request, or the newest that is open; gives it as it then stands."""
        with transaction(self.database.ops_engine) as session:
            wanted = select(Request.id).where(Request.state.in_(OPEN)).order_by(Request.id.desc())
            chosen = request_id or session.scalar(wanted.limit(1))
            session.execute(
                update(Request)
                .where(Request.id == chosen)
                .values(
                    state=RequestState.CLAIMED,
                    attempts=Request.attempts + 1,
                    lease_until=now() + timedelta(minutes=1),
                    not_before=None,
                )
            )
            claimed = session.get_one(Request, chosen)
            claim, action = Claim(claimed.id, claimed.attempts), claimed.action
            parameters = dict(claimed.parameters)
        claims.hold(claim)
        try:
            getattr(flow, action).fn(**parameters)
        except ProdOpsError:
            logging.getLogger(__name__).info("the run ended", exc_info=True)
        finally:
            claims.hold(None)
        return self.request(claim.request_id)

    def resume(self) -> Request:
        """What the worker does once it knows that a run was lost: another attempt."""
        return self.work()

    def hold(self, request_id: int) -> None:
        """Let a run of the request be under way, elsewhere."""
        with transaction(self.database.ops_engine) as session:
            session.get_one(Request, request_id).state = RequestState.RUNNING

    def cancel(self, request_id: int) -> None:
        with transaction(self.database.ops_engine) as session:
            cancellations.ask(session, request_id, caller=on_ops_side("ann"), reason="no")

    @contextmanager
    def refused_by_pcs(self) -> Iterator[None]:
        """PCS does not know our token any more, where an id is recorded."""
        with self.monkeypatch.context() as patch:
            patch.setattr(PcsService, "record_submission", _not_allowed)
            yield

    def request(self, request_id: int) -> Request:
        with transaction(self.database.ops_engine) as session:
            return session.get_one(Request, request_id)

    # -------------------------------------------------------------- the records

    def events(self, msg_type: str, **wanted: Any) -> list[dict[str, Any]]:
        with transaction(self.database.ops_engine) as session:
            query = select(Event.payload).where(Event.msg_type == msg_type).order_by(Event.id)
            payloads = list(session.scalars(query))
        return [each for each in payloads if wanted.items() <= each.items()]

    def remarks(self, task_name: str) -> dict[str, str]:
        """What is said of a task now, by kind."""
        with transaction(self.database.ops_engine) as session:
            rows = session.scalars(
                select(PandaRemark).where(
                    PandaRemark.task_name == task_name, PandaRemark.cleared_at.is_(None)
                )
            )
            return {row.kind: row.text for row in rows}

    def finals(self, task_name: str) -> list[dict[str, Any]]:
        kinds = ("prodtask_submitted", "prodtask_submit_failed")
        return [each for kind in kinds for each in self.events(kind, task_name=task_name)]

    def attempt(self, task_name: str) -> SubmissionAttempt:
        with transaction(self.database.ops_engine) as session:
            newest = select(SubmissionAttempt).where(SubmissionAttempt.task_name == task_name)
            return session.scalars(newest.order_by(SubmissionAttempt.id.desc()).limit(1)).one()


def command_line(name: str, jobs: int) -> str:
    """What prun would note of a task of `Submissions.ready`, with so many jobs."""
    return (
        f"prun --exec ./my_script.sh --outDS {name} --official --containerImage "
        "docker://eicweb/jug_xl:26.02.0-stable --site BNL_PanDA_1 --workingGroup EIC.production "
        f"--prodSourceLabel test --vo wlcg --nJobs {jobs} --noBuild --expertOnly_skipScout "
        "--outputs myout.txt"
    )


def _not_allowed(*_args: object, **_more: object) -> None:
    raise NotAllowed(401, "Invalid token.")


@pytest.fixture
def submissions(
    served_api: Any,
    api: Any,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Submissions]:
    """The flows with a PCS over HTTP and a PanDA of the sandbox's, with short limits."""
    for module in _MODULES:  # without Prefect: the functions that its tasks wrap
        for name, value in list(vars(module).items()):
            if isinstance(value, Task):
                monkeypatch.setattr(module, name, value.fn)
        if hasattr(module, "get_run_logger"):
            monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("run"))
    token_file = tmp_path / "token"
    token_file.write_text(served_api.token)
    values = _QUICK | {
        "PRODOPS_DATABASE_URL": str(database.ops_url),
        "PRODOPS_DATABASE_PASSFILE": str(database.ops_passfile),
        "PRODOPS_PCS_URL": served_api.url,
        "PRODOPS_PCS_TOKEN_FILE": str(token_file),
        "PRODOPS_STATE_DIR": str(tmp_path / "state"),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    made = Submissions(database, Pcs(api), tmp_path / "panda", monkeypatch)
    made.start_panda()
    yield made
    made.panda.__exit__()
