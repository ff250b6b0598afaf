"""Payload logs for benches: made up, put at the sandbox's doors, and known to its PanDA."""

from __future__ import annotations

import base64
import io
import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from deployments.bench.common.stack import BenchStack
from deployments.bench.payload_logs.page import Shown
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.logs import Log, make_log
from deployments.stack.environment import sandbox_panda_url

_SCOPE: Final = "group.EIC"
_FIRST_TASK: Final = 700_001
_LINE_BYTES: Final = 90
_PACKED: Final = 1.13
"""Bytes of the archive for each byte of noise."""
_BEGIN: Final = datetime(2026, 11, 23, 6, tzinfo=UTC)
_SHARES: Final = {
    "payload.stdout": 0.80,
    "payload.stderr": 0.05,
    "pilotlog.txt": 0.08,
    "pandatracerlog.txt": 0.01,
    "core.txt": 0.06,
}
"""Members and their parts of the whole; the last is none of those that are kept."""
_DIRECTORY: Final = "tarball_PandaJob"


@dataclass(frozen=True)
class JobLog:
    """A job and its log."""

    panda_id: int
    log: Log
    members: Mapping[str, bytes]

    def is_shown_by(self, shown: Shown) -> bool:
        """Whether a page has the beginning of its first file."""
        first = next(iter(self.members.values()))
        return bool(shown.content) and first.startswith(shown.content)


class LogMaker:
    """Makes logs with jobs at the sandbox of one stack."""

    def __init__(self, running: BenchStack) -> None:
        self.grid = Grid(running.stack.settings)
        self._panda = sandbox_panda_url(running.stack.settings)
        self._tasks = itertools.count(_FIRST_TASK)

    def make(self, size_bytes: int, *, rses: tuple[str, ...] = ("BNL-XRD",)) -> JobLog:
        """Make a log whose archive is about so large, at these RSEs, and a job of it."""
        task = next(self._tasks)
        members = made_up_log(size_bytes, seed=task)
        lfn = f"group.EIC.bench.log.{task}.000001.log.tgz"
        log = make_log(self.grid, scope=_SCOPE, lfn=lfn, members=members, rses=rses)
        return JobLog(self._job(task, log), log, members)

    def another(self, made: JobLog) -> JobLog:
        """Another job with the same log."""
        task = next(self._tasks)
        return replace(made, panda_id=self._job(task, made.log))

    def _job(self, task: int, log: Log) -> int:
        body: dict[str, Any] = {"jedi_task_id": task, "log": [log.scope, log.lfn]}
        answer = httpx.post(f"{self._panda}/_sandbox/jobs", json=body).raise_for_status()
        return int(answer.json()["panda_id"])


def made_up_log(size_bytes: int, *, seed: int) -> dict[str, bytes]:
    """Members of a log that compress to about so many bytes: lines with times and noise."""
    chance = random.Random(seed)  # noqa: S311 - the same log each time is the point
    return {
        f"{_DIRECTORY}/{name}": _lines(int(size_bytes * share / _PACKED), chance)
        for name, share in _SHARES.items()
    }


def _lines(size_bytes: int, chance: random.Random) -> bytes:
    """So many bytes of noise, in lines of text."""
    noise = base64.b64encode(chance.randbytes(size_bytes))
    moment = _BEGIN
    out = io.BytesIO()
    for begin in range(0, len(noise), _LINE_BYTES):
        out.write(b"%s INFO EventLoop %s\n" % (_stamp(moment), noise[begin : begin + _LINE_BYTES]))
        moment += timedelta(milliseconds=7)
    return out.getvalue()


def _stamp(moment: datetime) -> bytes:
    return moment.isoformat(" ", "milliseconds")[:23].encode()
