"""Payload logs without a flow: rows and members as a fetch leaves them, and its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from flows.common import events
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.payload_logs import messages
from flows.payload_logs.models import LogState, PayloadLog, Step
from tests.databases import Database

TASK = 501
JOB = 1001
NO_LOG = "no Rucio log dataset registered (job may not be complete yet)"


def _claim_of(request: Request) -> Claim:
    return Claim(request.id, request.attempts, request.flow_run_id)


@dataclass
class Logs:
    """The ops side's hand: what its flow would write."""

    database: Database
    tmp_dir: Path

    def directory(self, pandaid: int = JOB, task: int = TASK) -> Path:
        return self.tmp_dir / "panda-logs" / str(task) / str(pandaid)

    def row(self, pandaid: int = JOB, **values: Any) -> None:
        with transaction(self.database.ops_engine) as session:
            session.merge(PayloadLog(pandaid=pandaid, **values))

    def put(self, members: Mapping[str, bytes], pandaid: int = JOB) -> None:
        """What a fetch leaves: the members, exchanged at once, then the row."""
        place = self.directory(pandaid)
        fresh = place.with_name(f".{pandaid}.new")
        fresh.mkdir(parents=True)
        for name, body in members.items():
            (fresh / name).write_bytes(body)
        (fresh / ".done").write_text(",".join(sorted(members)) + "\n")
        if place.exists():
            old = place.with_name(f".{pandaid}.old")
            place.rename(old)
            fresh.rename(place)
            _remove(old)
        else:
            fresh.rename(place)
        self.row(pandaid, **self._facts(members))

    def _facts(self, members: Mapping[str, bytes]) -> dict[str, Any]:
        return {
            "state": LogState.READY, "jeditaskid": TASK, "scope": "group.EIC",
            "lfn": f"group.EIC.example.log.{TASK}.000001.log.tgz", "rse": "EIC-XRD",
            "size_bytes": 2048, "adler32": "0a1b2c3d", "attempts": 0, "last_error": None,
            "step": "", "step_text": "", "fetched_at": now(),
            "members": [
                {"name": name, "path": f"tarball_PandaJob_{JOB}/{name}", "size_bytes": len(body)}
                for name, body in members.items()
            ],
        }  # fmt: skip

    def requests(self) -> list[Request]:
        with transaction(self.database.ops_engine) as session:
            return list(session.scalars(select(Request).order_by(Request.id)))

    def open_request(self) -> Request:
        [request] = [each for each in self.requests() if each.finished_at is None]
        return request

    def progress(self, step: Step, text: str, pandaid: int = JOB) -> None:
        request = self.open_request()
        state = LogState.WANTED
        self.row(pandaid, state=state, request_id=request.id, step=step, step_text=text)
        event = messages.progress(pandaid, TASK, step, text, _claim_of(request))
        self._tell(request, event, state=RequestState.RUNNING)

    def finish(self, members: Mapping[str, bytes], pandaid: int = JOB) -> None:
        request = self.open_request()
        self.put(members, pandaid)
        self.row(pandaid, request_id=request.id)
        event = messages.ready(pandaid, TASK, _claim_of(request))
        self._tell(request, event, state=RequestState.COMPLETED)

    def fail(
        self, reason: str, *, attempts: int = 1, state: LogState = LogState.FAILED, job: int = JOB
    ) -> None:
        request = self.open_request()
        noted = {"last_error": reason, "attempts": attempts, "looked_up_at": now()}
        self.row(job, state=state, request_id=request.id, **noted)
        event = messages.failed(job, TASK, reason, attempts, _claim_of(request))
        self._tell(request, event, state=RequestState.FAILED, error=reason)

    def _tell(self, request: Request, event: events.NewEvent, **values: Any) -> None:
        if values["state"] is not RequestState.RUNNING:
            values["finished_at"] = now()
        with transaction(self.database.ops_engine) as session:
            session.execute(update(Request).where(Request.id == request.id).values(**values))
            events.commit(session, [event])


def _remove(place: Path) -> None:
    for each in place.iterdir():
        each.unlink()
    place.rmdir()


def realistic_stdout(events_count: int = 2000) -> bytes:
    """Text as a simulation and reconstruction payload prints it, with some errors in it."""
    return "".join(_payload_lines(events_count)).encode()


def _payload_lines(number: int) -> Iterator[str]:
    yield "=== Starting payload at 2026-08-10T12:00:00Z on worker-017 ===\n"
    yield "Detector configuration: epic_craterlake\n"
    for event in range(number):
        yield (
            f"[{event:06d}] Event {event}: 1234 primaries, 56789 steps in EcalBarrelImaging, "
            f"{event % 97} hits in SiBarrelTracker, time 1.{event % 1000:03d} s\n"
        )
        if event % 500 == 499:
            yield f"[{event:06d}] WARNING Geant4 G4Transportation stuck particle, pushed\n"
        if event % 700 == 699:
            yield f"[{event:06d}] ERROR EcalBarrelScFi: no cell found for position (1.0, 2.0)\n"
    yield "Traceback (most recent call last):\n"
    yield '  File "/opt/campaigns/run.py", line 41, in <module>\n'
    yield "RuntimeError: podio::ROOTWriter could not write frame\n"
    yield "payload finished with exit code: 65\n"
