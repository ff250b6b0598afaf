"""What a run logs, sent to Prefect in batches with the run's own client.

Prefect's own sender opens an event loop, a client and a connection, which takes a short run as
long as all the rest of it (measured).
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectException
from prefect.logging.handlers import set_api_log_sink

_EVERY_SECONDS: Final = 2.0
_END_SECONDS: Final = 5.0
_BATCH_BYTES: Final = 2_000_000  # the server takes less than 4 MiB
_SIZE: Final = "__payload_size__"
"""The key under which Prefect's handler notes the size of a record, in bytes."""


_OF_STATES: Final = ("Beginning flow run ", "Finished in state ")
"""How the engine's lines begin that say what the run's states say: each is a row at Prefect."""


@contextmanager
def sent_with(client: SyncPrefectClient) -> Iterator[None]:
    """Send what is logged meanwhile; at the end what is left, for at most a few seconds."""
    sender = _Sender(client)
    logger = logging.getLogger("prefect.flow_runs")
    logger.addFilter(_keep_states_here)
    set_api_log_sink(sender.add)
    try:
        yield
    finally:
        sender.close()
        set_api_log_sink(None)
        logger.removeFilter(_keep_states_here)


def _keep_states_here(record: logging.LogRecord) -> bool:
    """Have Prefect's handler leave out what tells of the run's states; the log table has it."""
    if record.module == "flow_engine" and record.getMessage().startswith(_OF_STATES):
        record.send_to_api = False
    return True


class _Sender:
    """Sends what it is given from a thread, which starts with the first record."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="run-logs", daemon=True)
        self._starting = threading.Lock()

    def add(self, record: dict[str, Any]) -> None:
        """Have the record sent."""
        self._waiting.put(record)
        with self._starting:
            if self._thread.ident is None:
                self._thread.start()

    def close(self) -> None:
        """Send what waits, as far as that takes no longer than a few seconds."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(_END_SECONDS)
        if self._thread.is_alive():  # its client is closed next
            self._given_up.set()

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._send()
        self._send()

    def _send(self) -> None:
        """Send all that waits. What Prefect does not take is lost, and that is said on the console.

        The log table has it all the same.
        """
        while batch := self._batch():
            try:
                self._client.create_logs(batch)
            except (httpx.HTTPError, PrefectException) as error:
                _say_lost(batch, error)
            except RuntimeError as error:  # httpx's, of a client that is closed
                if not self._given_up.is_set():
                    raise
                _say_lost(batch, error)

    def _batch(self) -> list[dict[str, Any]]:
        batch, size = [], 0
        while size < _BATCH_BYTES and not self._waiting.empty():
            record = self._waiting.get()
            size += record.pop(_SIZE, 0)
            batch.append(record)
        return batch


def _say_lost(batch: list[dict[str, Any]], why: Exception) -> None:
    print(f"{len(batch)} records do not reach Prefect: {why}", file=sys.stderr)  # noqa: T201
