"""What `testbed run` shows: lines meanwhile, and a summary."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

import typer

from blocks.monitor_api import StreamEvent
from deployments.cli.testbed.options import say
from deployments.testbed.progress import LIFECYCLE, Progress


class Display:
    """What is seen of a run meanwhile: a line for each change, at a terminal the counts too."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._status: Any = None

    def __enter__(self) -> Self:
        if self._is_shown and sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - slow, and only for people

            self._status = Console(stderr=True).status("agents are started")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def heard(self, event: StreamEvent, progress: Progress) -> None:
        """Show an event of the run."""
        if self._is_shown and event.event in LIFECYCLE - {"stf_gen"}:
            say(f"run {progress.run_number}: {event.event} ({progress.execution_id})")
        if self._status is not None:
            self._status.update(_counted(progress))


def _counted(progress: Progress) -> str:
    counts = progress.counts
    words = {
        "STFs": "stf_gen",
        "ready": "stf_ready",
        "processed": "processing_complete",
        "TF files": "tf_file_registered",
        "slices": "slice",
    }
    return ", ".join(f"{counts[name]} {word}" for word, name in words.items() if counts[name])


def summarise(report: dict[str, Any], url: str) -> None:
    """Print what a run came to, a line each."""
    heard = report["heard"]
    rows = {
        "execution": report["execution_id"],
        "run": report["run_number"],
        "status": report["status"],
        "error": report["error"],
        "STFs": report["stf_files"],
        "STFs announced": heard.get("stf_ready"),
        "STFs processed": heard.get("processing_complete"),
        "TF files": heard.get("tf_file_registered"),
        "slices": heard.get("slice"),
        "agents": ", ".join(report["agents"].values()),
        "request": f"{url}/requests/{report['request_id']}/",
        "Prefect": report["flow_run_url"],
    }
    for name, value in rows.items():
        if value not in {None, ""}:
            typer.echo(f"{name:>14}  {value}")
