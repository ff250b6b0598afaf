"""A stack that `prodops up` runs, as a process of its own, of this version or of another."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deployments.bench.common.stack import BenchBroken, say
from deployments.stack.parts import command
from flows.common.settings import known_names

_END_SECONDS: Final = 60.0


@contextmanager
def up(
    given: Mapping[str, str], argv: Sequence[str] = command("up")
) -> Iterator[subprocess.Popen[bytes]]:
    """`prodops up` with the settings that are given and no others, ready.

    Raises:
        BenchBroken: It does not come up, or does not end.
    """
    known = known_names()
    clean = {name: value for name, value in os.environ.items() if name not in known}
    reader, writer = os.pipe()
    say("starting `prodops up`")
    directory = Path(given["PRODOPS_STATE_DIR"])
    with (
        (directory / "up.out").open("wb") as output,
        subprocess.Popen(
            [*argv, "--ready-fd", str(writer)],
            env={**clean, **given},
            cwd=directory,
            pass_fds=[writer],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        os.close(writer)
        try:
            with os.fdopen(reader, "rb") as pipe:
                is_ready = bool(pipe.read())
            if not is_ready:
                said = (directory / "up.out").read_text(errors="replace").strip()
                raise BenchBroken(f"`prodops up` did not come up: {said.rpartition(chr(10))[2]}")
            yield process
        finally:
            process.terminate()
            await_end(process)


def await_end(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, which was asked of it.

    Raises:
        BenchBroken: It does not; it is killed.
    """
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its parts die with it
        raise BenchBroken("`prodops up` did not end") from None
