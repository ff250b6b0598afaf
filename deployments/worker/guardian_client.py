"""The worker's end of its guardian: start and stop runs, learn of their ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Final

from blocks import outside_calls
from blocks.errors import ProdOpsError
from deployments.worker import session
from deployments.worker.protocol import (
    Ended,
    EndReason,
    Intent,
    Message,
    Ping,
    Pong,
    Start,
    Started,
    Stop,
    decode,
    encode,
)
from flows.common.sessions import MARKER

_READY_SECONDS: Final = 60.0
_LINE_BYTES: Final = 8 << 20


class GuardianLost(ProdOpsError):
    """The guardian died; its runs are ended, and the worker must start anew."""


class GuardianClient:
    """One guardian process and the runs that it has."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._writer = writer
        self._ends: dict[str, asyncio.Future[Ended]] = {}
        self._pids: dict[str, int] = {}
        self._stopped: set[str] = set()
        self._has_answered = asyncio.Event()
        self.lost = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(reader))

    @classmethod
    async def start(cls, name: str) -> GuardianClient:
        """Start the guardian of the worker `name`, and wait until it is warm.

        Raises:
            GuardianLost: It did not come up.
        """
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, "-m", "deployments.worker.guardian", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, MARKER: name},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LINE_BYTES)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                ready = await reader.readline()
        except TimeoutError:
            process.kill()
            ready = b""
        if not ready:
            raise GuardianLost("the guardian did not start; see the worker's log")
        return cls(process, reader, writer)

    async def run(self, order: Start) -> Ended:
        """Start a run and wait for its end."""
        end: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._ends[order.run] = end
        try:
            self._send(encode(order))
            return await end
        finally:
            self._ends.pop(order.run, None)
            self._pids.pop(order.run, None)
            self._stopped.discard(order.run)

    def stop(self, run: str, intent: Intent, grace_seconds: float) -> None:
        """Stop a run, once; nothing where it has ended."""
        if run in self._ends and run not in self._stopped and not self.lost.is_set():
            self._stopped.add(run)
            self._send(encode(Stop(run=run, intent=intent, grace_seconds=grace_seconds)))

    async def answer(self) -> None:
        """Ask the guardian whether it goes on, and wait for its answer, however long.

        Raises:
            GuardianLost: It is gone.
        """
        self._has_answered.clear()
        self._send(encode(Ping()))
        await self._has_answered.wait()

    async def close(self) -> None:
        """Let the guardian end what is left, and go."""
        self._listening.cancel()
        self._writer.close()
        await asyncio.to_thread(self._process.wait)

    def _send(self, line: bytes) -> None:
        if self.lost.is_set():
            raise GuardianLost("the guardian is gone")
        self._writer.write(line)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):  # reset: the guardian was killed with something of ours unread
            while line := await reader.readline():
                self._note(decode(line))
        self._on_guardian_exit()

    def _note(self, message: Message) -> None:
        if isinstance(message, Started):
            self._pids[message.run] = message.pid
        elif isinstance(message, Ended) and message.run in self._ends:
            outside_calls.calls.add(message.calls)
            self._ends[message.run].set_result(message)
        elif isinstance(message, Pong):
            self._has_answered.set()

    def _on_guardian_exit(self) -> None:
        """The guardian died: its runs died with it, their children may not have."""
        self.lost.set()
        for run, end in self._ends.items():
            if pid := self._pids.get(run):
                session.signal_session(pid, signal.SIGKILL)
            if not end.done():
                end.set_result(Ended(run=run, reason=EndReason.LOST, exit_code=-9))
