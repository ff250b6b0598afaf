"""`prodops up` and `prodops down`: the stack in the foreground, in the background, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import FrameType

from rich.console import Console

from deployments.signals import handled
from deployments.stack import environment
from deployments.stack.errors import StackDown
from deployments.stack.layout import Layout
from deployments.stack.lock import UpLock
from deployments.stack.parts import command
from deployments.stack.stack import WATCH_SECONDS, Stack
from deployments.stack.watch import RETRY_SECONDS, Happening, Kind
from flows.common.settings import Settings

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_SECONDS = 0.1
_SLACK_SECONDS = 30.0


class _AskedToEnd(BaseException):
    """A signal asked `prodops up` to end."""


def run(
    settings: Settings,
    *,
    ready_fd: int | None = None,
    given: Mapping[str, str] | None = None,
    parts: Iterable[str] | None = None,
    lines_when_ready: Callable[[Stack], Iterable[str]] | None = None,
) -> None:
    """Bring the stack up, say what happens to it, and end it at a signal.

    Args:
        settings: The whole settings.
        ready_fd: Descriptor that is written to and closed when everything is ready.
        given: The settings that were given; by default by the user.
        parts: Names of the parts to run; by default all, and the schema is brought up to date.
        lines_when_ready: What to say when everything is ready; by default the addresses.

    Raises:
        ProdOpsError: It did not come up, or supervisord was lost.
    """
    console = Console(highlight=False, soft_wrap=True)
    progress = StartProgress(console)
    stack = Stack(
        settings,
        environment.given_settings() if given is None else given,
        parts=parts,
        listener=progress,
        is_migrated=parts is None,
    )
    try:
        with handled(_ask_to_end, *_SIGNALS):
            try:
                _begin(stack, progress, lines_when_ready or _addresses)
                if ready_fd is not None:
                    os.write(ready_fd, b"ready")
                    os.close(ready_fd)
                while True:
                    time.sleep(WATCH_SECONDS)
                    stack.step()
            except _AskedToEnd:
                progress.say("ending … (again: kill everything at once)")
    finally:
        progress.close()
        with handled(lambda *_: stack.kill(), *_SIGNALS):
            stack.stop()
    console.print("ended")


def run_detached(settings: Settings, *arguments: str) -> None:
    """Start ``prodops up``, or another command, in the background; return when all is ready.

    Exits with its status and last words when it ended instead.
    """
    layout = Layout(settings.stack.state_dir)
    with layout.used():
        layout.create()
        output = layout.log("up").open("ab")
    reader, writer = os.pipe()
    with output as log:
        start = log.tell()
        process = subprocess.Popen(
            [*command(*(arguments or ("up",))), "--ready-fd", str(writer)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writer],
            start_new_session=True,
        )
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        is_ready = bool(pipe.read())
    with layout.log("up").open("rb") as log:
        log.seek(start)
        said = log.read().decode(errors="replace")
    if is_ready:
        sys.stdout.write(said)
        return
    sys.stderr.write(said.rstrip().rpartition("\n")[2] + "\n")
    raise SystemExit(process.wait() or 1)


def end(settings: Settings) -> None:
    """End the stack that runs, whoever started it, and wait until it is gone.

    Raises:
        StackDown: None runs.
    """
    layout = Layout(settings.stack.state_dir)
    lock = UpLock(layout)
    with layout.used():
        pid = lock.holder()
    if pid is None:
        raise StackDown(f"no stack runs with its state in {layout.state_dir}")
    os.kill(pid, signal.SIGTERM)
    longest = settings.worker.drain_seconds + 3 * settings.stack.stop_seconds + _SLACK_SECONDS
    deadline = time.monotonic() + longest
    while lock.holder() == pid:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)  # supervisord and the parts die with it
        time.sleep(_POLL_SECONDS)


def _begin(
    stack: Stack, progress: StartProgress, lines_when_ready: Callable[[Stack], Iterable[str]]
) -> None:
    started = time.monotonic()
    stack.start()
    progress.close()
    progress.say(f"everything is up after {time.monotonic() - started:.1f} s")
    for line in lines_when_ready(stack):
        progress.say(line)


def _addresses(stack: Stack) -> list[str]:
    return [f"  {name:<10} {address}" for name, address in addresses(stack).items()]


def addresses(stack: Stack) -> dict[str, str]:
    """What a person opens, by name."""
    return {
        "live page": f"{stack.api_url}/fastmon/",
        "API docs": f"{stack.api_url}/docs",
        "Prefect": environment.prefect_ui_url(stack.settings),
        "state": str(stack.state_dir),
    }


class StartProgress:
    """Says on a console what happens to the parts; a listener of the stack."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("starting …") if console.is_terminal else None
        self._awaited: list[str] = []
        self._lost: set[str] = set()
        if self._status is not None:
            self._status.start()

    def __call__(self, happening: Happening) -> None:
        """Say what happened, if it is worth a line."""
        part = happening.part
        if happening.kind is Kind.STARTING:
            self._awaited.append(part)
        elif happening.kind is Kind.READY and part in self._awaited:
            self._awaited.remove(part)
        elif happening.kind is Kind.ENDED:
            self._lost.add(part)
        if self._status is not None:
            self._status.update(f"starting {', '.join(self._awaited)} …")
        if text := self._words(happening):
            self.say(text)

    def say(self, text: str) -> None:
        """Print one line, above the spinner if there is one."""
        self._console.print(text, markup=False)

    def close(self) -> None:
        """End the spinner."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _words(self, happening: Happening) -> str | None:
        part, detail = happening.part, happening.detail
        if happening.kind is Kind.RUNNING:
            is_back = part in self._lost and part not in self._awaited
            self._lost.discard(part)
            return f"{part} runs again" if is_back else None
        words = {
            Kind.INSTALLING: f"{part}'s server is installed first, once for this user …",
            Kind.READY: f"{part:<9} ready after {detail}",
            Kind.ENDED: f"{part} ended ({detail}); it is started again",
            Kind.GAVE_UP: f"{part} keeps ending; next try in {RETRY_SECONDS:.0f} s",
            Kind.KILLED: f"{part} did not stop in time and is killed",
        }
        return words.get(happening.kind)


def _ask_to_end(_number: int, _frame: FrameType | None) -> None:
    raise _AskedToEnd
