"""The flow that the stock worker starts in the latency bench: empty but for its first line."""

from __future__ import annotations

import time
from pathlib import Path

from prefect import flow


@flow(name="bench-empty", persist_result=False)
def note_start(file: str) -> None:
    """Write the time of the first line to `file`."""
    first_line = time.time()
    Path(file).write_text(repr(first_line))
