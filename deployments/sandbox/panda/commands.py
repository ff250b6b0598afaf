"""PanDA's methods that act on a task; JEDI executes them a while later."""

from __future__ import annotations

from typing import Any

from deployments.sandbox.panda.protocol import Envelope
from deployments.sandbox.panda.registry import Panda, post
from deployments.sandbox.panda.tokens import Caller


@post("task/increase_attempts", is_production=True)
def increase_attempts(panda: Panda, _caller: Caller, *, task_id: int, increase: int) -> Envelope:
    """More attempts for the jobs of a running task."""
    if increase < 0:
        return Envelope(False, f"increase must be a positive integer, got {increase}")
    return _coded(*panda.state.increase_attempts(task_id, increase))


@post("task/retry")
def retry(
    panda: Panda,
    caller: Caller,
    *,
    task_id: int,
    new_parameters: dict[str, Any] | None = None,
) -> Envelope:
    """Run what failed of an ended task again; with new parameters, all of it."""
    return _coded(*panda.state.command(task_id, "incexec" if new_parameters else "retry", caller))


@post("task/pause", is_production=True)
def pause(panda: Panda, caller: Caller, *, task_id: int) -> Envelope:
    """Stop a live task from starting jobs."""
    return _coded(*panda.state.command(task_id, "pause", caller))


@post("task/resume", is_production=True)
def resume(panda: Panda, caller: Caller, *, task_id: int) -> Envelope:
    """Let a paused task go on."""
    return _coded(*panda.state.command(task_id, "resume", caller))


@post("task/kill")
def kill(panda: Panda, caller: Caller, *, task_id: int, broadcast: bool = False) -> Envelope:
    """Abort a live task."""
    del broadcast
    return _coded(*panda.state.command(task_id, "kill", caller))


@post("task/finish")
def finish(
    panda: Panda, caller: Caller, *, task_id: int, soft: bool = False, broadcast: bool = False
) -> Envelope:
    """End a live task with what it has."""
    del soft, broadcast
    return _coded(*panda.state.command(task_id, "finish", caller))


@post("task/reload_input")
def reload_input(
    panda: Panda, caller: Caller, *, task_id: int, ignore_hard_exhausted: bool = False
) -> Envelope:
    """Run an ended task again with its input as it is now."""
    del ignore_hard_exhausted
    return _coded(*panda.state.command(task_id, "incexec", caller))


def _coded(code: int, message: str) -> Envelope:
    return Envelope(code == 0, message, code)
