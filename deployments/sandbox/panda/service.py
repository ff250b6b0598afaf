"""The PanDA of the sandbox as a part of the stack."""

from __future__ import annotations

import signal
import threading

import structlog

from blocks.errors import ProdOpsError
from deployments.sandbox.panda.sandbox import PandaSandbox
from deployments.stack.layout import Layout
from flows.common.settings import Settings

_log = structlog.get_logger("sandbox-panda")


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; gives the process's exit code.

    Raises:
        ProdOpsError: The port is taken.
    """
    sandbox = settings.sandbox
    try:
        panda = PandaSandbox(
            Layout(settings.stack.state_dir).sandbox("panda"),
            port=sandbox.panda_port,
            token_seconds=sandbox.panda_token_seconds,
            refine_seconds=sandbox.panda_refine_seconds,
        )
    except OSError as error:
        raise ProdOpsError(
            f"setting PRODOPS_SANDBOX_PANDA_PORT={sandbox.panda_port}: {error.strerror}"
        ) from error
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with panda:
        _log.info("serving", url=panda.url, state=str(panda.directory))
        stopped.wait()
    return 0
