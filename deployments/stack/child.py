"""Starts one program that dies with its parent: ``python -m deployments.stack.child SPEC``.

The JSON file SPEC (see :class:`Spec`) holds the whole command and environment, so that neither is
quoted into another program's configuration.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployments import core_dumps, parent_death

MARK = "prodops: starting "
"""What the line begins with that marks each start of a part in its log."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A program to run.

    Attributes:
        name: Name for the log's start mark.
        argv: The command, an argument vector.
        environment: The whole environment of the program; nothing is inherited.
        death_signal: What the program gets when its parent ends.
        parent: Pid of the expected parent, or a file that holds it.
        is_subreaper: Whether orphaned descendants become this program's children.
        directory: Where the program works; None: where it is started.
    """

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    death_signal: int
    parent: str
    is_subreaper: bool = False
    directory: str | None = None

    def write(self, path: Path) -> None:
        """Write the specification for :func:`main` to read."""
        path.write_text(json.dumps(asdict(self), indent=1))


def main() -> None:
    """Read the specification and become the program."""
    spec = Spec(**json.loads(Path(sys.argv[1]).read_text()))
    parent = spec.parent if spec.parent.isdecimal() else Path(spec.parent).read_text()
    parent_death.die_with_parent(int(parent), spec.death_signal)
    if spec.is_subreaper:
        parent_death.adopt_orphans()
    core_dumps.forbid()
    if spec.directory is not None:
        os.chdir(spec.directory)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    print(f"{MARK}{spec.name} (pid {os.getpid()}) at {now}", flush=True)  # noqa: T201 - to its log
    os.execve(spec.argv[0], spec.argv, spec.environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
