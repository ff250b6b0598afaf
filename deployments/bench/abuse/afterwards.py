"""Whether everything still goes after the abuse: a good request, message and file, end to end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from blocks.errors import Invalid, NotFound, ProdOpsError
from deployments.bench.abuse.rows import ROW_NAMESPACE
from deployments.bench.common.stack import BenchStack, comes_true
from flows.common import actions
from flows.common.database import transaction
from flows.common.models import LIVE, Request

_SECONDS: Final = 60.0
_DRAIN_SECONDS: Final = 240.0
_RUN: Final = 710_001
_WAITING: Final = "SELECT count(*) FROM fastmon_inbox WHERE state = 'waiting'"
_STATE: Final = "SELECT state FROM fastmon_inbox WHERE stf_filename = :name"
_MADE: Final = """
    SELECT count(*) FROM swf_fastmon_files AS tf
    JOIN swf_stf_files AS stf ON stf.file_id = tf.stf_file_id
    WHERE stf.stf_filename = :name AND tf.sampled_by IS NOT NULL
"""
_RELAYED: Final = """
    SELECT count(*) FROM event WHERE msg_type = 'flow_run_state' AND request_id = :id
"""


def what_stands(running: BenchStack, stf_dir: Path) -> Iterator[str]:
    """What does not go any more, in words; nothing where all does."""
    checks: dict[str, Callable[[], str]] = {
        "requests are carried out and end": lambda: _drain(running),
        "a good request is carried out, and relayed": lambda: _request(running),
        "a good message is streamed and sampled": lambda: _message(running, ""),
        "a good message of a namespace with bad rows is sampled": lambda: _message(
            running, ROW_NAMESPACE
        ),
        "a good file is taken": lambda: _file(running, stf_dir),
    }
    for what, check in checks.items():
        try:
            why = check()
        except (ProdOpsError, httpx.HTTPError) as error:
            why = str(error)
        if why:
            yield f"it does not hold that {what}: {why}"


def drained(running: BenchStack, seconds: float = _SECONDS) -> bool:
    """Wait until no STF waits to be sampled; gives whether that came true."""
    return comes_true(lambda: running.count(_WAITING) == 0, seconds)


def _drain(running: BenchStack) -> str:
    """Wait until nothing waits but what has its time; what is still open is told."""
    if comes_true(lambda: not _held_up(running), _DRAIN_SECONDS, every_seconds=0.5):
        return ""
    left = _held_up(running)
    return f"{len(left)} requests are still open, such as {left[:3]}"


def _held_up(running: BenchStack) -> list[str]:
    """Open requests that no rate and no later time holds back."""
    with transaction(running.engine) as session:
        rows = session.query(Request).filter(Request.state.in_(LIVE), Request.not_before.is_(None))
        return [
            f"request {row.id} {row.action} ({row.state}) {json.dumps(row.parameters)[:200]}"
            for row in rows
            if not _is_rated(row)
        ]


def _is_rated(row: Request) -> bool:
    """Whether only so many of the request's kind are begun in a minute."""
    try:
        action = actions.get(row.action)
        action.parse(row.parameters)
    except (Invalid, NotFound):
        return False
    return action.a_minute() is not None


def _request(running: BenchStack) -> str:
    running.check_pipeline()
    newest = running.count("SELECT max(id) FROM request WHERE action = 'check_pipeline'")
    is_relayed = comes_true(lambda: running.count(_RELAYED, id=newest) > 0, _SECONDS)
    return "" if is_relayed else f"no state of request {newest} became an event"


def _message(running: BenchStack, namespace: str) -> str:
    name = f"swf.{_RUN}.{namespace or 'none'}.stf"
    after = running.last_event_id()
    body = {
        "msg_type": "stf_ready",
        "namespace": namespace,
        "run_id": str(_RUN),
        "filename": name,
        "sequence": 1,
    }
    running.http.post("/api/messages/", json=body).raise_for_status()
    if not _is_streamed(running, after, name):
        return f"the stream did not bring {name}"
    if not comes_true(lambda: running.count(_MADE, name=name) > 0, _SECONDS):
        return f"{name} has no TF file; its state is {running.values(_STATE, name=name)}"
    return ""


def _is_streamed(running: BenchStack, after: int, wanted: str) -> bool:
    deadline = time.monotonic() + _SECONDS
    query: dict[str, Any] = {"after": after, "msg_types": "stf_ready"}
    with running.http.stream("GET", "/api/messages/stream/", params=query) as answer:
        for line in answer.iter_lines():
            if wanted in line:
                return True
            if time.monotonic() > deadline:
                return False
    return False


def _file(running: BenchStack, stf_dir: Path) -> str:
    name = f"swf.{_RUN + 1}.000001.stf"
    (stf_dir / name).write_bytes(b"good")
    is_taken = comes_true(lambda: bool(running.values(_STATE, name=name)), _SECONDS)
    return "" if is_taken else f"the scanner has not taken {name}"
