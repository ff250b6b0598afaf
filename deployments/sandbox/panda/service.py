"""The PanDA of the sandbox as a part of the stack."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import structlog

from blocks.errors import ProdOpsError
from deployments.sandbox.panda.sandbox import PandaSandbox
from flows.common.settings import Settings

_log = structlog.get_logger("sandbox-panda")


def directory_of(settings: Settings) -> Path:
    """Where the sandbox's PanDA keeps its state."""
    return settings.stack.state_dir / "sandbox" / "panda"


def config_root_of(settings: Settings) -> Path:
    """The directory with the token of the sandbox's user, for PANDA_CONFIG_ROOT."""
    return directory_of(settings) / "pathena"


def url_of(settings: Settings) -> str:
    """The address of the sandbox's PanDA, for PANDA_URL_SSL."""
    return f"http://127.0.0.1:{settings.sandbox.panda_port}"


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; gives the process's exit code.

    Raises:
        ProdOpsError: The port is taken.
    """
    sandbox = settings.sandbox
    try:
        panda = PandaSandbox(
            directory_of(settings),
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
