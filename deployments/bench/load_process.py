"""A bench's end of the load: the process that makes it, and what it is asked to do."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from deployments.bench.common.stack import BenchBroken

_NO_ANSWER: Final = '{"error": "it ended, or took too long"}'


class LoadProcess:
    """The process that makes the load, and does what it is asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[LoadProcess]:
        """A load process, ended afterwards."""
        with subprocess.Popen(
            [sys.executable, "-m", "deployments.bench.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield cls(process)
            finally:
                process.kill()

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._process.pid

    def ask(self, do: str, *, seconds: float = 90.0, **order: Any) -> dict[str, Any]:
        """Order something and wait for the answer.

        Raises:
            BenchBroken: It failed, or did not answer in `seconds`.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise BenchBroken("the load has no pipes")
        deadline = threading.Timer(seconds, self._process.kill)
        deadline.start()
        try:
            self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            deadline.cancel()
        answer: dict[str, Any] = json.loads(line or _NO_ANSWER)
        if "error" in answer:
            raise BenchBroken(f"the load could not {do}: {answer['error']}")
        return answer
