"""What a task amounts to for whoever runs it, in each of the formats that peers ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from api.pcs.domain import condor, evgen
from api.pcs.models import ProdTask
from api.pcs.queries.inputs import evgen_files
from api.pcs.queries.tasks import input_location
from api.pcs.services import plans

Artifact = str | dict[str, Any]
"""A command's text, or what a program reads."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Of what an artifact is made.

    Attributes:
        session: The caller's transaction.
        task: The task, with its dataset and its tags.
        attempt_id: The attempt that it is for; None: the task itself.
        stale_before: Input files that were read before are not vouched for.
    """

    session: Session
    task: ProdTask
    attempt_id: int | None
    stale_before: datetime

    @property
    def try_number(self) -> int:
        """The attempt's number."""
        if self.attempt_id is None:
            return 1
        return plans.attempt(self.task, self.attempt_id).try_number


def _condor(wanted: Wanted) -> str:
    task = wanted.task
    location = input_location(wanted.session, task)
    return condor.compose(task.dataset, plans.config_of(task), input_location=location)


def _evgen(wanted: Wanted) -> dict[str, Any]:
    task, config = wanted.task, plans.config_of(wanted.task)
    evgen.required_events(config)  # said before what is missing of the input
    inputs = evgen_files(wanted.session, task, stale_before=wanted.stale_before)
    return evgen.submission_spec(task, config, inputs, try_number=wanted.try_number)


_MADE: Final[dict[str, Callable[[Wanted], Artifact]]] = {
    "condor": _condor,
    "panda": lambda wanted: plans.prun_command(wanted.task, attempt_id=wanted.attempt_id),
    "jedi": lambda wanted: plans.jedi_parameters(
        wanted.session, wanted.task, attempt_id=wanted.attempt_id
    ),
    "evgen": _evgen,
    "dump": lambda wanted: plans.dump(wanted.task),
}
FORMATS: Final = tuple(_MADE)


def compose(fmt: str, wanted: Wanted) -> Artifact:
    """The artifact of a task in one of `FORMATS`.

    Raises:
        AttemptNotFound: The task has no such attempt.
        ConfigNotOfForm: A value may not stand in it.
        NoArtifact: The task lacks what it is made of.
        FilesNotKnown: The files of its input are not known, or not lately.
    """
    return _MADE[fmt](wanted)
