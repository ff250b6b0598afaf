"""The processes of the parts on this machine, as far as this user may look into them.

A part's limits and environment are those that its process was started with, whatever the doctor's
own are. Those of another user's parts are that user's to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from deployments.doctor.site import Site

NAMES: Final = ("api", "worker", "relay", "bridge", "notifier", "scanner")
_MODULE: Final = "deployments.cli"
_COMMAND: Final = "prodops"
_STATE_DIR: Final = "PRODOPS_STATE_DIR"


@dataclass(frozen=True, kw_only=True)
class PartProcess:
    """A process of a part.

    Attributes:
        name: The part's, as its command has it.
        open_files: How many files it may have open: the soft limit.
        environment: What it was started with.
    """

    name: str
    pid: int
    open_files: int
    environment: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def of_site(site: Site) -> list[PartProcess]:
    """The parts' processes of this installation that this user may look into."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it has ended, or is another user's
            name = part_of(process.cmdline())
            if name is None or not _is_ours(site, process):
                continue
            soft, _ = process.rlimit(psutil.RLIMIT_NOFILE)
            found.append(
                PartProcess(
                    name=name, pid=process.pid, open_files=soft, environment=process.environ()
                )
            )
    return sorted(found, key=lambda each: (NAMES.index(each.name), each.pid))


def part_of(command: Sequence[str]) -> str | None:
    """Which part a command is: `prodops worker`, or the same by Python's `-m`; None: none."""
    for name in _words_after_program(command):
        return name if name in NAMES else None
    return None


def _words_after_program(command: Sequence[str]) -> Iterator[str]:
    for index, word in enumerate(command):
        is_module = word == _MODULE and index > 0 and command[index - 1] == "-m"
        if is_module or (index < 2 and Path(word).name == _COMMAND):  # noqa: PLR2004 - by its Python
            yield from command[index + 1 :]
            return


def _is_ours(site: Site, process: psutil.Process) -> bool:
    """Whether it works for the same state directory; without a setting, by where it was started."""
    given = process.environ().get(_STATE_DIR)
    if given is not None:
        return Path(given) == site.settings.stack.state_dir.absolute()
    return _STATE_DIR not in site.environment and Path(process.cwd()) == Path.cwd()
