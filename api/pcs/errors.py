"""What stops a service of the embedded PCS; each is of a kind in `blocks/errors.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blocks.errors import Forbidden, NotFound, ProdOpsError, Refused
from flows.common.callers import Caller, Scope, ScopeMissing


class TaskNotFound(NotFound):
    """There is no production task of that name or key."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No task '{name}'")


class NoTaskNamed(TaskNotFound):
    """There is no task of the name that the query has; peers compare the text."""

    def __init__(self, name: str) -> None:
        NotFound.__init__(self, f"No task named '{name}'")


class NeverSubmitted(Refused):
    """The task has no submission that the operation could be about."""


class AttemptNotFound(NotFound):
    """The task has no such attempt."""


class NotReady(ProdOpsError):
    """The task is not ready for the operation."""


class BadTransition(ProdOpsError):
    """The record's status does not permit the operation."""


class UnknownStatus(BadTransition):
    """There is no such status."""


class NoArtifact(ProdOpsError):
    """The task lacks what the artifact is made of; says what, and how to set it."""


class FilesNotKnown(Refused):
    """The files of a task's input were not read from Rucio, or not lately; says what reads them."""


class NotOwner(Forbidden):
    """Only who made the record may change it, and whoever may operate."""

    def __init__(self, caller: Caller, owner: str) -> None:
        missing = ScopeMissing(caller, Scope.OPERATE, f"It is {owner}'s: that")
        super().__init__(f"You do not have permission to perform this action. {missing}")


class NotCreator(Forbidden):
    """Only who made the tag may delete it."""

    def __init__(self, created_by: str) -> None:
        super().__init__(f"Only the creator ({created_by}) can delete this tag.")


class AlreadySubmitted(Refused):
    """The task has an id at PanDA."""

    def __init__(self, jedi_task_id: int) -> None:
        self.jedi_task_id = jedi_task_id
        super().__init__(f"Already submitted as jediTaskID {jedi_task_id}.")


class SubmissionOpen(Refused):
    """A submission of the task is on its way, so nothing of it may change."""


class AmbiguousIdentity(Refused):
    """Several tasks have the name; `candidates` lists them."""

    def __init__(self, name: str, candidates: Sequence[Mapping[str, Any]]) -> None:
        self.candidates = [dict(candidate) for candidate in candidates]
        self.details = {"candidates": self.candidates}
        super().__init__(f"{len(candidates)} tasks are named '{name}'; ask by id or stored name.")
