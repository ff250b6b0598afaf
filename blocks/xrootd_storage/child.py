"""The copier as a child process: listened to, and ended when it makes no progress."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from blocks.closing import Closing
from blocks.outside_calls import System, counted
from blocks.xrootd_storage.access import XrootdAccess, XrootdLimits
from blocks.xrootd_storage.errors import DoorStalled, DoorUnavailable
from blocks.xrootd_storage.failures import error_of

_COPIER = Path(__file__).with_name("copier.py")
_PIPE_BYTES = 1 << 16
_INHERITED = ("PATH", "LANG", "TZ")


class Copier(Closing):
    """One run of the copier; when the ``with`` ends, however it does, nothing of it is left.

    It leads a process group within this session, so that whoever ends the session ends it, and it
    ends by itself when this process does.
    """

    def __init__(
        self, command: str, url: str, *more: str, access: XrootdAccess, limits: XrootdLimits
    ) -> None:
        self._url = url
        self._limits = limits
        self._deadline = time.monotonic() + limits.wall_seconds
        self._said = ""
        self._child = subprocess.Popen(
            [sys.executable, "-I", os.fspath(_COPIER), command, url, *more],
            env=_environment(access, limits),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            process_group=0,
            umask=0o077,
        )

    def close(self) -> None:
        """End whatever is left of it."""
        with self._child, suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def messages(self) -> Iterator[Mapping[str, Any]]:
        """Its messages, the last one with ``done``.

        Raises:
            DoorStalled: It was silent for too long, or takes too long.
            StorageError: As it says, see :func:`error_of`.
        """
        with counted(System.XROOTD):
            yield from self._messages()

    def _messages(self) -> Iterator[Mapping[str, Any]]:
        for line in self._lines():
            try:
                message = json.loads(line)
            except ValueError:  # a word of the library's, or the end of a traceback
                self._said = line.decode("utf-8", "replace").strip() or self._said
                continue
            if "error" in message:
                raise error_of(message["error"].get("url", self._url), message["error"])
            yield message
            if "done" in message:
                return
        raise DoorUnavailable(self._url, f"the copier ended without an answer: {self._said}")

    def _lines(self) -> Iterator[bytes]:
        pipe, rest = self._child.stdout, b""
        if pipe is None:
            return
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while self._is_ready(selector):
                chunk = pipe.read(_PIPE_BYTES)
                if not chunk:
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines

    def _is_ready(self, selector: selectors.BaseSelector) -> bool:
        left = self._deadline - time.monotonic()
        if selector.select(max(0.0, min(left, self._limits.stall_seconds))):
            return True
        if left > self._limits.stall_seconds:
            raise DoorStalled(self._url, f"no progress for {self._limits.stall_seconds:g} s")
        raise DoorStalled(self._url, f"not done after {self._limits.wall_seconds:g} s")


def _environment(access: XrootdAccess, limits: XrootdLimits) -> dict[str, str]:
    """The whole of it: neither limits nor credentials of this process's own get through."""
    own = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**own, **access.environment(), **limits.environment()}
