"""What an agent remembers from one life to the next: its name, and which messages it has had."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from blocks.closing import Closing
from flows.common.settings import BadSetting


class Remembered(BaseModel):
    """The contents of the file.

    Attributes:
        monitor: Address of the monitor that gave the id, and numbers the messages.
        agent_id: The agent's number.
        position: All messages up to this one have been dealt with.
    """

    monitor: str
    agent_id: int | None = None
    position: int | None = None


@dataclass
class Memory(Closing):
    """A file of one agent, locked for as long as it lives."""

    path: Path
    content: Remembered
    _lock: FileLock

    @classmethod
    def open(cls, path: Path, monitor: str) -> Self:
        """Lock the file, and read what it says of that monitor; nothing where it is not there.

        Raises:
            BadSetting: Another agent has it, or it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path.with_suffix(".lock"), timeout=0)
            lock.acquire()
        except Timeout:
            text = f"another agent works with {path}; give this one its own --memory"
            raise BadSetting(text) from None
        except OSError as error:
            raise BadSetting(f"{path}: {error.strerror}; give another --memory") from None
        return cls(path, _read(path, monitor), lock)

    def remember(self, *, agent_id: int | None = None, position: int | None = None) -> None:
        """Note what is given, so that it survives the process."""
        given = {"agent_id": agent_id, "position": position}
        new = {name: value for name, value in given.items() if value is not None}
        self.content = self.content.model_copy(update=new)
        beside = self.path.with_suffix(".new")
        beside.write_text(self.content.model_dump_json())
        beside.replace(self.path)

    def close(self) -> None:
        """Let another agent have the file."""
        self._lock.release()


def _read(path: Path, monitor: str) -> Remembered:
    """What the file says; nothing of another monitor, whose numbers mean nothing here."""
    try:
        found = Remembered.model_validate(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, ValidationError):
        return Remembered(monitor=monitor)
    return found if found.monitor == monitor else Remembered(monitor=monitor)
