"""How the ops side reaches Prefect: its environment, set before anything imports prefect."""

from __future__ import annotations

import os
import time
from typing import Final

import httpx

from blocks.errors import OutsideUnavailable
from flows.common.settings import BadSetting, Settings

_WAIT_SECONDS: Final = 120.0


class PrefectUnavailable(OutsideUnavailable):
    """The Prefect server did not answer."""


def api_url(settings: Settings) -> str:
    """Address of Prefect's API."""
    return settings.prefect.api_url or f"http://127.0.0.1:{settings.prefect.port}/api"


def configure_client(settings: Settings) -> None:
    """Set the environment that Prefect reads when it is first imported."""
    os.environ.update(
        {
            "PREFECT_API_URL": api_url(settings),
            "PREFECT_HOME": str(settings.stack.state_dir / "prefect"),
            "DO_NOT_TRACK": "1",
            # A database restart answers 500 for a moment: a run must live through it (measured).
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
            "PREFECT_CLIENT_MAX_RETRIES": "10",
            "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "PREFECT_WORKER_ENABLE_CANCELLATION": "true",
        }
    )
    password = read_password(settings)
    if password is not None:
        os.environ["PREFECT_API_AUTH_STRING"] = password


def read_password(settings: Settings) -> str | None:
    """The API's `user:password`, from its file.

    Raises:
        BadSetting: The file cannot be read.
    """
    path = settings.prefect.password_file
    if path is None:
        return None
    try:
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(f"setting PRODOPS_PREFECT_PASSWORD_FILE: {error}") from error


def await_server(settings: Settings, seconds: float = _WAIT_SECONDS) -> None:
    """Wait until the Prefect server answers.

    Raises:
        PrefectUnavailable: It did not, in that time.
    """
    deadline = time.monotonic() + seconds
    address = f"{api_url(settings)}/health"
    while True:
        try:
            if httpx.get(address, timeout=5).is_success:
                return
            reason = "it answers, but is not healthy"
        except httpx.HTTPError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise PrefectUnavailable(f"Prefect at {address} is unavailable: {reason}")
        time.sleep(0.2)
