"""What stops a service of the embedded PCS; `api/http/errors.py` gives each its status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blocks.errors import ProdOpsError


class RecordNotFound(ProdOpsError):
    """There is no record of that key."""


class TaskNotFound(RecordNotFound):
    """There is no production task of that name or key."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No task '{name}'")


class AttemptNotFound(RecordNotFound):
    """The task has no such attempt."""


class BadFields(ProdOpsError):
    """Fields of what was sent cannot be taken; `fields` says why, by name."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.fields = {name: list(texts) for name, texts in fields.items()}
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items()))


class NotReady(ProdOpsError):
    """The task is not ready for what is asked."""


class BadTransition(ProdOpsError):
    """The record's status does not permit what is asked."""


class NotOwner(ProdOpsError):
    """Only who made the record may change it."""

    def __init__(self) -> None:
        super().__init__("You do not have permission to perform this action.")


class Conflict(ProdOpsError):
    """What is asked contradicts what is recorded."""


class AlreadySubmitted(Conflict):
    """The task has an id at PanDA."""

    def __init__(self, jedi_task_id: int) -> None:
        self.jedi_task_id = jedi_task_id
        super().__init__(f"Already submitted as jediTaskID {jedi_task_id}.")


class SubmissionOpen(Conflict):
    """A submission of the task is on its way, so nothing of it may change."""


class AmbiguousIdentity(Conflict):
    """Several tasks bear the name; `candidates` tells them apart."""

    def __init__(self, name: str, candidates: Sequence[Mapping[str, Any]]) -> None:
        self.candidates = [dict(candidate) for candidate in candidates]
        super().__init__(f"{len(candidates)} tasks are named '{name}'; ask by id or stored name.")
