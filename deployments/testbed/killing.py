"""An agent's process killed, by the pid and host that its row names: that one or none.

A pid comes again. So the process must be this user's, have begun before the agent was heard last,
and run what an agent of that name runs; and it is held by a descriptor while that is looked at.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psutil

from blocks.errors import ProdOpsError, Refused
from blocks.monitor_api.agents import AgentApi
from deployments.testbed.programs import CONTROLLER
from deployments.testbed.supervision import Supervision

_END_SECONDS: Final = 10.0
_KIND: Final = re.compile(r"^(?P<kind>.+?)-agent(?:-|$)")

Row = Mapping[str, Any]


class NotKilled(Refused):
    """The process is not killed; the message says why."""


@dataclass(frozen=True)
class Candidate:
    """The process that an agent's row names.

    Attributes:
        instance: The agent.
        pid: Its process.
        created: When the process began, as the system counts.
        command: Its command line.
        program: The supervisor's name for it; empty where it does not run it.
    """

    instance: str
    pid: int
    created: float
    command: str
    program: str


def candidate(api: AgentApi, supervision: Supervision, instance: str) -> Candidate:
    """The process that would be killed.

    Raises:
        NotKilled: There is no such agent, it is elsewhere, or its process is not to be killed.
        MonitorUnavailable: The monitor does not answer.
    """
    row = _row(api, instance)
    pid, host = row.get("pid"), row.get("hostname")
    if not isinstance(pid, int) or pid <= 1 or not host:
        raise NotKilled(f"{instance} never said by which process and on which host it runs")
    if host != socket.gethostname():
        raise NotKilled(f"{instance} runs on {host}, and this is {socket.gethostname()}")
    if instance.startswith(f"{CONTROLLER}-") or pid in {os.getpid(), os.getppid()}:
        raise NotKilled(f"{instance} is a controller: `testbed stop --all` ends it")
    try:
        process = psutil.Process(pid)
        found = _checked(process, row, supervision)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        raise NotKilled(f"{instance} has no process any more (it was {pid})") from None
    except psutil.AccessDenied:
        raise NotKilled(f"process {pid} of {instance} is another user's") from None
    return found


def kill(api: AgentApi, found: Candidate) -> str:
    """Kill the process with SIGKILL, unless it is another by now; gives what was done, in words.

    Raises:
        NotKilled: It has ended, or its number is another process's by now.
    """
    with _held(found) as descriptor:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        ended, _, _ = select.select([descriptor], [], [], _END_SECONDS)
    if not ended:
        text = f"process {found.pid} was sent SIGKILL, and has not ended"
        raise NotKilled(f"{text}: it hangs in the kernel")
    done = f"{found.instance}: process {found.pid} was killed"
    if found.program:
        return f"{done}; the supervisor starts {found.program} again"
    _note_exit(api, found)
    return done


def names_agent(command: str, instance: str) -> bool:
    """Whether a command line is one of an agent of that name: `<kind>-agent-<user>-<number>`."""
    plain = _plain(command)
    kind = _KIND.match(instance)
    if kind is None:
        return _plain(instance) in plain
    name = _plain(kind["kind"])
    ours = rf"(?:^|\s)agent\s+{re.escape(name)}(?:\s|$)"
    theirs = rf"(?:^|[\s/-]){re.escape(name)}-agent(?:\.py)?(?:\s|$)"
    return re.search(f"{ours}|{theirs}", plain) is not None


def _plain(text: str) -> str:
    return text.lower().replace("_", "-")


def _row(api: AgentApi, instance: str) -> Row:
    for row in api.rows("systemagents", instance_name=instance):
        if row.get("instance_name") == instance:
            return row
    raise NotKilled(f"the monitor knows no agent {instance!r}")


def _checked(process: psutil.Process, row: Row, supervision: Supervision) -> Candidate:
    """The candidate, if the process is the one that the row is about."""
    instance = str(row["instance_name"])
    with process.oneshot():
        created, command = process.create_time(), " ".join(process.cmdline())
        if process.uids().effective != os.geteuid():
            raise NotKilled(f"process {process.pid} of {instance} is {process.username()}'s")
        lineage = {process.pid, *(each.pid for each in process.parents())}
    heard = row.get("last_heartbeat")
    if not isinstance(heard, str) or created > _seconds(heard):
        began = datetime.fromtimestamp(created, UTC).isoformat(timespec="seconds")
        text = f"began at {began}, after {instance} was heard last: it is another one"
        raise NotKilled(f"process {process.pid} {text}")
    program = next((n for n, s in supervision.states().items() if s.pid in lineage), "")
    if program == CONTROLLER:
        raise NotKilled(f"process {process.pid} belongs to the controller")
    if not program and not names_agent(command, instance):
        raise NotKilled(f"process {process.pid} is no agent of {instance}'s kind: {command[:200]}")
    return Candidate(instance, process.pid, created, command, program)


def _seconds(written: str) -> float:
    return datetime.fromisoformat(written).astimezone().timestamp()


@contextmanager
def _held(found: Candidate) -> Iterator[int]:
    """A descriptor of the process, which is still the one that was looked at.

    Raises:
        NotKilled: It is not.
    """
    try:
        descriptor = os.pidfd_open(found.pid)
    except ProcessLookupError:
        raise NotKilled(f"{found.instance} has no process any more") from None
    try:
        if psutil.Process(found.pid).create_time() != found.created:
            raise NotKilled(f"process {found.pid} is another one by now")
        yield descriptor
    except (ProcessLookupError, psutil.NoSuchProcess):
        raise NotKilled(f"{found.instance} has no process any more") from None
    finally:
        os.close(descriptor)


def _note_exit(api: AgentApi, found: Candidate) -> None:
    """Say for the agent that it has ended, unless another process has its name by now."""
    said = {"status": "EXITED", "operational_state": "EXITED"}
    try:
        row = _row(api, found.instance)
        if row.get("pid") == found.pid:
            api.change("systemagents", row["id"], said)
    except ProdOpsError:
        return  # its silence says it
