"""How the ops side reaches Prefect: what it reads is set before anything else imports prefect."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import httpx

from blocks.errors import OutsideUnavailable
from deployments import prefect_settings
from deployments.access import join_stack
from deployments.service_manager.notification import service_manager
from deployments.stack.environment import prefect_api_url
from flows.common.settings import BadSetting, Settings, settings

_WAIT_SECONDS: Final = 120.0
_RUN_RETRIES: Final = 150  # a run lives through an outage of five minutes
_SERVICE_RETRIES: Final = 1  # a service has loops of its own, that look around meanwhile
_MOST_SECONDS: Final = 2.0  # between two tries


class PrefectUnavailable(OutsideUnavailable):
    """The Prefect server did not answer."""


def configure_client(configured: Settings, *, is_service: bool = False) -> None:
    """Have Prefect read its settings: those of the environment, and its password from the file.

    Args:
        configured: The settings.
        is_service: Whether the process is a service, and no run: its client gives up soon.

    Raises:
        BadSetting: The file with the API's `user:password` cannot be read.
    """
    os.environ.update(
        {
            "PREFECT_API_URL": prefect_api_url(configured),
            "PREFECT_HOME": str(configured.stack.state_dir / "prefect"),
            "DO_NOT_TRACK": "1",
            # A database restart answers 500 for a moment: a run must live through it (measured).
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
            "PREFECT_CLIENT_MAX_RETRIES": str(_SERVICE_RETRIES if is_service else _RUN_RETRIES),
            "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "PREFECT_LOGGING_COLORS": "false",  # into a file; to colour a line takes 3 ms
            "PREFECT_WORKER_ENABLE_CANCELLATION": "true",
        }
    )
    if path := configured.prefect.password_file:
        try:
            password = path.read_text().strip()
        except OSError as error:
            raise BadSetting(f"setting PRODOPS_PREFECT_PASSWORD_FILE: {error}") from error
        prefect_settings.read_with(PREFECT_API_AUTH_STRING=password)


def bound_retries() -> None:
    """Have Prefect's client try again within seconds, however long an outage lasts.

    It doubles its waits without a bound: after an outage of three minutes it sleeps for two more.
    """
    base: Any = import_module("prefect.client.base")  # not before the environment is set
    drawn = base.clamped_poisson_interval

    def bounded(average: float, factor: float) -> float:
        return float(drawn(min(average, _MOST_SECONDS), factor))

    base.clamped_poisson_interval = bounded


def join_prefect() -> None:
    """Let this process, a person's command, use the running stack's Prefect, which answers.

    Raises:
        BadSetting, PrefectUnavailable: There is no stack; Prefect does not answer.
    """
    join_stack()
    configure_client(settings())
    await_server(settings(), seconds=10)


def await_server(
    configured: Settings,
    seconds: float = _WAIT_SECONDS,
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Wait until the Prefect server answers; `meanwhile` is called while it does not.

    Raises:
        PrefectUnavailable: It did not, in that time.
    """
    deadline = time.monotonic() + seconds
    address = f"{prefect_api_url(configured)}/health"
    while True:
        try:
            if httpx.get(address, timeout=5).is_success:
                return
            reason = "it answers, but is not healthy"
        except httpx.HTTPError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise PrefectUnavailable(f"Prefect at {address} is unavailable: {reason}")
        service_manager().waits("waits for Prefect")
        meanwhile()
        time.sleep(0.2)
