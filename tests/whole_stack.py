"""One stack with all its parts for every test of a process that needs a stack, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.stack.stack import Stack
from tests.stacks import running_stack
from tests.support.payload_logs.fetches import QUICK as QUICK_DOORS

QUICK = {
    "PRODOPS_FASTMON_IDLE_SECONDS": "1",
    "PRODOPS_FASTMON_RUN_SECONDS": "5",
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1.0",
    "PRODOPS_RELAY_REST_SECONDS": "3",
    "PRODOPS_WORKER_DRAIN_SECONDS": "3",
    "PRODOPS_WORKER_LEASE_SECONDS": "3",
    "PRODOPS_WORKER_LIMIT": "4",
    "PRODOPS_WORKER_PREFECT_POLL_SECONDS": "1",
    "PRODOPS_WORKER_STOP_GRACE_SECONDS": "3",
}
PRODUCTION = {
    **QUICK,
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.3",
    "PRODOPS_SUBMISSION_TIMEOUT_SECONDS": "5",
    "PRODOPS_SUBMISSION_SERVER_LIMIT_SECONDS": "2",
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "0.5",
    "PRODOPS_SUBMISSION_CONFIRM_SECONDS": "3",
    "PRODOPS_SUBMISSION_OPERATION_SECONDS": "5",
}
WHOLE = {
    **PRODUCTION,
    **QUICK_DOORS,
    "PRODOPS_CANARY_LEG_SECONDS": "30",
    "PRODOPS_ROOT_PATH": "/prod",
    "PRODOPS_SANDBOX_GRID": "true",
    "PRODOPS_RUCIO_PRODUCED_TIMEOUT_SECONDS": "5",
    "PRODOPS_XROOTD_STALL_SECONDS": "10",  # a door that a test stops stays stopped until the kill
    "PRODOPS_XROOTD_STREAM_TIMEOUT_SECONDS": "10",
    "PRODOPS_XROOTD_REQUEST_TIMEOUT_SECONDS": "10",
    "PRODOPS_XROOTD_CONNECTION_WINDOW_SECONDS": "10",
}


@pytest.fixture(scope="session")
def whole_stack() -> Iterator[Stack]:
    """Under a prefix, with the sandbox's PanDA and grid; each test leaves it as it was."""
    with running_stack(WHOLE) as stack:
        yield stack


@pytest.fixture
def prefect_environment(whole_stack: Stack) -> dict[str, str]:
    """How a program that is no part of the stack uses its Prefect."""
    password_file = Path(whole_stack.environment("ops")["PRODOPS_PREFECT_PASSWORD_FILE"])
    return {
        "PREFECT_API_URL": whole_stack.prefect_url,
        "PREFECT_API_AUTH_STRING": password_file.read_text().strip(),
    }
