"""The stack's Prefect server: one process on loopback, quiet, with a password from a file.

Nothing of Prefect is imported before its environment is set: its settings load at import.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import uvicorn

from blocks.errors import OutsideUnavailable
from deployments import prefect_settings
from deployments.collector import pass_over_survivors
from deployments.service_manager.notification import service_manager
from deployments.service_manager.server import AskingServer
from deployments.stack.binaries import package_directory
from deployments.stack.credentials import PREFECT_ROLE, Credentials
from deployments.stack.layout import Layout
from deployments.stack.ports import check_free, ports_of
from deployments.stack.prefect_ui import OwnHostOnly
from flows.common.database import RECYCLE_SECONDS
from flows.common.settings import BadSetting, Settings

ANSWER_SECONDS = 90.0
_POLL_SECONDS = 0.2
_AUTH = "PREFECT_SERVER_API_AUTH_STRING"
_EVENTS = "PREFECT_SERVER_EVENTS_RETENTION_PERIOD"

_FIXED: Mapping[str, str] = {
    # quiet
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # its pages ask an analytics host (measured)
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # bounded
    # Logs and artifacts of runs that `prune_history` has deleted: Prefect keeps them otherwise.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,orphans",
    # What is beyond the pool is connected anew each time: 2.4 times a run of a burst (measured).
    # In half an hour of a mixed load PostgreSQL grew by 6 and 11 % with 12, by 2 at most with 8.
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "8",
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "0",
    # A backend keeps the plan of each: 24 MiB of 100, the default; no slower (measured)
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_PREPARED_STATEMENT_CACHE_SIZE": "25",
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_RECYCLE": str(RECYCLE_SECONDS),
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",  # or each 5 s
    # Each event of a task alone is a transaction, whose statement is built anew (measured)
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    # slow: a schedule set in the UI takes effect within these seconds; triggers do not wait for it
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "15",
    # what they look after is ended by prodops' own sweeper, or is shown in the UI only
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
    # It goes through every run of a day that was cancelled, or ended as it was foreseen to
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "900",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "30",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT60S",
}


def run(settings: Settings) -> int:
    """Wait for the database, then serve until a signal; gives the process's exit code.

    Raises:
        OutsideUnavailable: The database did not answer in time.
    """
    layout = Layout(settings.stack.state_dir)
    credentials = Credentials(layout.secrets)
    with layout.used():
        layout.create()
        credentials.create()
    check_free(ports_of(settings, ["prefect"]))
    known = environment(settings, _password(settings))
    auth = known.pop(_AUTH)
    os.environ.update(known)
    prefect_settings.read_with(**{_AUTH: auth})
    asyncio.run(_wait_for_database(database_url(settings)))
    from prefect.server.api.server import create_app  # noqa: PLC0415 - see the first lines

    server = AskingServer(
        uvicorn.Config(
            OwnHostOnly(create_app(final=True), os.environ["PREFECT_SERVER_UI_API_URL"]),
            host="127.0.0.1",
            port=settings.prefect.port,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=5,
        ),
        health_url=f"http://127.0.0.1:{settings.prefect.port}/api/ready",
    )
    gc.collect()
    pass_over_survivors()
    server.run()
    return 0 if server.started else 1


def environment(settings: Settings, auth: str) -> dict[str, str]:
    """What Prefect reads; where a process has it in its own environment, `auth` is shown there."""
    layout = Layout(settings.stack.state_dir)
    passfile = settings.database.passfile or Credentials(layout.secrets).prefect
    address = settings.prefect.ui_url or f"http://127.0.0.1:{settings.prefect.port}"
    return {
        **_FIXED,
        _EVENTS: f"PT{settings.prefect.event_days * 86400:.0f}S",
        "PREFECT_HOME": os.fspath(layout.prefect_home),
        "PREFECT_PROFILES_PATH": os.fspath(layout.prefect_home / "profiles.toml"),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(settings.prefect.port),
        _AUTH: auth,
        "PREFECT_SERVER_UI_API_URL": f"{address.rstrip('/')}/api",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url(settings),
        "PGPASSFILE": os.fspath(passfile),
        **_ui_directory(layout),
    }


def database_url(settings: Settings) -> str:
    """Prefect's database, on the server that prodops' own is on; its password is in a file."""
    host = f"127.0.0.1:{settings.database.port}"
    if settings.database.url is not None:
        host = urlsplit(settings.database.url).netloc.rpartition("@")[2]
    return urlunsplit(("postgresql+asyncpg", f"{PREFECT_ROLE}@{host}", "/prefect", "", ""))


def _password(settings: Settings) -> str:
    layout = Layout(settings.stack.state_dir)
    path = settings.prefect.password_file or Credentials(layout.secrets).prefect_api
    try:
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(
            f"setting PRODOPS_PREFECT_PASSWORD_FILE={path}: {error.strerror}"
        ) from error


def _ui_directory(layout: Layout) -> dict[str, str]:
    """Prefect unpacks its UI beside its code, once for all stacks; else in our directory."""
    package = package_directory("prefect")
    if package is not None and os.access(package / "server", os.W_OK):
        return {}
    return {"PREFECT_SERVER_UI_STATIC_DIRECTORY": os.fspath(layout.prefect_home / "ui")}


async def _wait_for_database(url: str) -> None:
    import asyncpg  # noqa: PLC0415 - Prefect's own driver: no second one in this process

    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise OutsideUnavailable(f"Prefect's database does not answer: {error}") from error
            service_manager().waits(f"waits for its database: {error}")
        else:
            await connection.close()
            return
        await asyncio.sleep(_POLL_SECONDS)
