"""Prefect's client for what nobody waits for: one try, and an answer within two seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

_ANSWER_SECONDS: Final = 2.0


@contextmanager
def quick_client() -> Iterator[SyncPrefectClient]:
    """A client that gives up at once, where a run's own tries through an outage of minutes."""
    quick = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: _ANSWER_SECONDS}
    with temporary_settings(quick), get_client(sync_client=True) as client:
        yield client
