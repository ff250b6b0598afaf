"""Files of the sandbox's PanDA: written whole or not at all, secrets for their owner only."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deployments.sandbox.panda.tasks import Task

_VERSION = 1
_UNFINISHED = ".new-"


def write_private(path: Path, content: str) -> None:
    """Replace a file by one of mode 0600, in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
    with os.fdopen(handle, "w") as file:
        file.write(content)
    Path(name).replace(path)


def remove_unfinished(directory: Path) -> None:
    """Remove what a killed server had begun to write."""
    for path in directory.glob(f"{_UNFINISHED}*"):
        path.unlink()


def private_text(path: Path, fresh: str) -> str:
    """The text of a file, which is made with `fresh` when it is not there."""
    if not path.exists():
        write_private(path, fresh)
    return path.read_text()


def write_tasks(path: Path, tasks: Iterable[Task]) -> None:
    """Write the state file."""
    state = {"version": _VERSION, "tasks": [task.as_json() for task in tasks]}
    write_private(path, json.dumps(state))


def read_tasks(path: Path) -> list[Task]:
    """The tasks of the state file; none where there is no file."""
    if not path.exists():
        return []
    state: dict[str, Any] = json.loads(path.read_text())
    return [Task.from_json(task) for task in state["tasks"]]
