"""A stack with the sandbox's PanDA, seen by an operator: tasks, presses of the button, PanDA."""

from __future__ import annotations

import itertools
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import select

from blocks.panda_server import CachedToken, prun_environment, run_prun
from deployments.sandbox.campaign import CampaignMaker
from deployments.stack.environment import sandbox_panda_url
from deployments.stack.stack import Stack
from flows.common.database import transaction
from flows.common.models import Event
from flows.submission.models import SubmissionAttempt
from tests.e2e.conftest import Site, site_of
from tests.waiting import PATIENCE, wait_until

_BY_HAND = ("--official", "--vo", "wlcg", "--prodSourceLabel", "test", "--noBuild", "--nJobs", "1")
FINAL = ("prodtask_submitted", "prodtask_submit_failed")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Production:
    """What an operator does, and what PanDA and the records say."""

    site: Site
    maker: CampaignMaker
    panda: httpx.Client

    # -------------------------------------------------------------- tasks

    def task(self, *, config: dict[str, Any] | None = None, lock: bool = True) -> str:
        """A new task at PCS, ready unless told otherwise; gives its stored name."""
        (name,) = self.maker.make([f"sample{next(_numbers)}"], config=config, lock=lock)
        return name

    def show(self, name: str) -> dict[str, Any]:
        answer = self.site.api.get(f"/pcs/api/prod-tasks/{name}/")
        answer.raise_for_status()
        return dict(answer.json())

    def post(self, name: str, action: str, **body: Any) -> httpx.Response:
        return self.site.api.post(f"/pcs/api/prod-tasks/{name}/{action}/", json=body)

    def record(self, name: str, body: dict[str, Any]) -> httpx.Response:
        path = "/pcs/api/prod-tasks/record-submission/"
        return self.site.api.post(path, params={"name": name}, json=body)

    def submit(self, name: str) -> int:
        """Press the button; gives the request's id."""
        answer = self.post(name, "submit")
        assert answer.status_code == 200, answer.text
        return int(answer.json()["request"]["id"])

    def final(self, request_id: int, seconds: float = PATIENCE) -> Event:
        """The one final event of a request."""
        wait_until(lambda: self.finals(request_id), seconds)
        (event,) = self.finals(request_id)
        return event

    def finals(self, request_id: int) -> list[Event]:
        return [e for e in self.events(request_id) if e.msg_type in FINAL]

    def events(self, request_id: int) -> list[Event]:
        return self.site.events(request_id=request_id)

    def said(self, request_id: int) -> list[str]:
        """The kinds of events of a request, in their order, without the steps."""
        kinds = [event.msg_type for event in self.events(request_id)]
        told = [kind for kind in kinds if kind.startswith("prodtask_")]
        return [kind for kind in told if kind != "prodtask_submit_progress"]

    def wait_for_step(self, request_id: int, step: str, seconds: float = PATIENCE) -> None:
        wait_until(lambda: step in self.steps(request_id), seconds)

    def steps(self, request_id: int) -> list[str]:
        told = self.site.events(request_id=request_id, msg_type="prodtask_submit_progress")
        return [str(event.payload["step"]) for event in told]

    def attempt(self, name: str) -> SubmissionAttempt:
        with transaction(self.site.engine) as session:
            newest = select(SubmissionAttempt).where(SubmissionAttempt.task_name == name)
            found = session.scalar(newest.order_by(SubmissionAttempt.id.desc()).limit(1))
        assert found is not None
        return found

    # -------------------------------------------------------------- PanDA

    @property
    def panda_url(self) -> str:
        return sandbox_panda_url(self.site.stack.settings)

    def token_of(self, **claims: str) -> str:
        """A token that PanDA takes: the sandbox user's own, with some claims changed."""
        directory = self.site.stack.layout.sandbox("panda")
        source = CachedToken(directory / "pathena", server_url=self.panda_url, vo="EIC.production")
        own = jwt.decode(source.token(), options={"verify_signature": False})
        return jwt.encode({**own, **claims}, (directory / "issuer.key").read_text().strip())

    def submit_by_hand(self, panda_name: str, **claims: str) -> int:
        """Submit a task with bare prun, as an operator does; gives its jediTaskID."""
        url = self.panda_url
        with tempfile.TemporaryDirectory() as made:
            work, home = Path(made, "work"), Path(made, "home")
            work.mkdir()
            home.mkdir()
            ended = run_prun(
                ["--exec", "true", "--outDS", panda_name, *_BY_HAND],
                program=Path(sys.prefix) / "bin" / "prun",
                cwd=work,
                environment=prun_environment(
                    token=self.token_of(**claims),
                    url_ssl=url,
                    auth_vo="EIC.production",
                    private_dir=home,
                ),
                timeout_seconds=30,
            )
        found = re.search(r"new jediTaskID=(\d+)", ended.output)
        assert found, ended.output
        return int(found[1])

    def at_panda(self, panda_name: str) -> list[dict[str, Any]]:
        """The tasks that were submitted under a name."""
        tasks = self.panda.get("tasks").json()
        return [t for t in tasks if t["parameters"]["taskName"].rstrip("/") == panda_name]

    def live(self, panda_name: str) -> list[int]:
        dead = {"aborted", "toabort", "aborting"}
        return [t["id"] for t in self.at_panda(panda_name) if t["status"] not in dead]

    def sent(self, panda_name: str) -> list[dict[str, Any]]:
        """The submit requests for a name that reached PanDA."""
        journal = self.panda.get("journal").json()
        wanted = [each for each in journal if each["endpoint"] == "task/submit"]
        return [each for each in wanted if (each["task_name"] or "").rstrip("/") == panda_name]

    def fault(self, kind: str, endpoint: str = "task/submit", **more: Any) -> None:
        body = {"endpoint": endpoint, "kind": kind, **more}
        self.panda.post("faults", json=body).raise_for_status()

    def set_state(self, jedi_task_id: int, status: str) -> None:
        self.panda.post(f"tasks/{jedi_task_id}", json={"status": status}).raise_for_status()


@contextmanager
def production_of(stack: Stack) -> Iterator[Production]:
    """The production of a stack that is up."""
    controls = f"{sandbox_panda_url(stack.settings)}/_sandbox/"
    with (
        site_of(stack) as site,
        CampaignMaker(stack.api_url, site.token) as maker,
        httpx.Client(base_url=controls, timeout=20) as panda,
    ):
        yield Production(site, maker, panda)


@pytest.fixture(scope="session")
def shared_production(whole_stack: Stack) -> Iterator[Production]:
    with production_of(whole_stack) as production:
        yield production


@pytest.fixture
def production(shared_production: Production) -> Iterator[Production]:
    """The shared stack, without faults, left quiet by each test for the next."""
    yield shared_production
    shared_production.panda.delete("faults")
    wait_until(shared_production.site.is_quiet)
