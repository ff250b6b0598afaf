"""A job as PanDA's look-up shows it, with the name of its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_LOG = "log"


@dataclass(frozen=True)
class PandaLog:
    """The tarball of a job's logs, as it is registered in Rucio."""

    scope: str
    lfn: str


@dataclass(frozen=True)
class PandaJob:
    """A job, live or archived.

    Attributes:
        panda_id: its PandaID.
        jedi_task_id: its task; None of a job without one.
        status: such as ``running``, ``finished`` or ``failed``.
        log: its log's name, read from its files: it is nobody's to construct; None while it has
            none.
    """

    panda_id: int
    jedi_task_id: int | None
    status: str
    log: PandaLog | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read an item of ``job/get_description_incl_archive``.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        task_id = row.get("jediTaskID")
        logs = [
            PandaLog(str(file["scope"]), str(file["lfn"]))
            for file in row.get("Files") or []
            if file.get("type") == _LOG and file.get("scope") and file.get("lfn")
        ]
        return cls(
            panda_id=int(row["PandaID"]),
            jedi_task_id=int(task_id) if task_id else None,
            status=str(row["jobStatus"]),
            log=logs[0] if logs else None,
        )
