"""`prodops demo`: a whole stack of its own: a data-taking run, a task, its log, a campaign."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from sqlalchemy import make_url

from deployments.demo import data_taking, notifications, payload_logs, provenance, submission
from deployments.sandbox.broker.programs import find_programs
from deployments.stack.running import StartProgress, addresses
from deployments.stack.stack import Stack
from flows.common import access, callers
from flows.common.database import make_engine, transaction

_SETTINGS: Final = {
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1.0",
    "PRODOPS_FASTMON_TF_FILES_PER_STF": str(data_taking.TFS_PER_STF),
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_GRID": "true",
}


def run() -> int:
    """Run the demonstration; gives the exit code. At a terminal it stays until Ctrl+C.

    Raises:
        DemoFailed: The run did not come through whole.
        ProdOpsError: Another part of it did not.
    """
    console = Console()
    began = time.monotonic()
    progress = StartProgress(console)
    has_broker = {"PRODOPS_SANDBOX_BROKER": "true"} if find_programs() is not None else {}
    with (
        Stack.temporary(_SETTINGS | has_broker, listener=progress) as stack,
        data_taking.agents_of(stack) as testbed,
    ):
        progress.close()
        token = _token(stack)
        notifications.prepare(stack)
        data_taking.show(stack, testbed, token, console)
        jedi_task_id = submission.show(stack, token, console)
        pages = {
            "job's log": payload_logs.show(stack, token, console, jedi_task_id=jedi_task_id),
            "catalog": provenance.show(stack, token, console),
        }
        notifications.show(stack, console)
        console.print(f"all of it in {time.monotonic() - began:.1f} s")
        for name, address in (addresses(stack) | pages).items():
            console.print(f"{name:>10}  {address}", markup=False)
        if sys.stdout.isatty():
            _stay(console)
    return 0


def _token(stack: Stack) -> str:
    given = stack.environment("ops")
    engine = make_engine(
        make_url(given["PRODOPS_DATABASE_URL"]), passfile=Path(given["PRODOPS_DATABASE_PASSFILE"])
    )
    try:
        with transaction(engine) as session:
            return access.create_token(
                session, "demo", "made for the demonstration", scopes=callers.ALL
            )
    finally:
        engine.dispose()


def _stay(console: Console) -> None:
    console.print("Ctrl+C ends it all.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("ending")
