"""The PanDA of the sandbox as a part of the stack."""

from __future__ import annotations

import signal
import threading

import structlog

from deployments.sandbox import canary
from deployments.sandbox.panda.sandbox import PandaSandbox
from deployments.stack.layout import Layout
from deployments.stack.ports import check_free, ports_of
from flows.common.settings import Settings

_log = structlog.get_logger("sandbox-panda")


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; gives the process's exit code.

    Raises:
        BadSetting: The port is taken, or the state directory cannot be used.
    """
    sandbox = settings.sandbox
    layout = Layout(settings.stack.state_dir)
    check_free(ports_of(settings, ["panda"]))
    with layout.used():
        panda = PandaSandbox(
            layout.sandbox("panda"),
            port=sandbox.panda_port,
            token_seconds=sandbox.panda_token_seconds,
            refine_seconds=sandbox.panda_refine_seconds,
        )
    if sandbox.grid:
        panda.add_job(panda_id=canary.JOB, jedi_task_id=canary.TASK, log=canary.LOG)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with panda:
        _log.info("serving", url=panda.url, state=str(panda.directory))
        stopped.wait()
    return 0
