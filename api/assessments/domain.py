"""What an assessment may be about. Pure.

Source: ops contract section 5.2; a type that is not known here is kept as it was said.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class SubjectType(StrEnum):
    """Types of subjects that are looked up here."""

    CAMPAIGN_TASK = "campaign_task"
    """A production task, by composed or stored name."""
    PANDA_TASK = "panda_task"
    """An attempt at PanDA, by jediTaskID or name."""
    PANDA_JOB = "panda_job"
    """A job, by its id at PanDA."""
    DATASET = "dataset"
    """A dataset, by its DID."""
    CAMPAIGN = "campaign"
    """A campaign, by its name."""
    REQUEST = "request"
    """A request to the ops side, by its id."""


_ALIASES: Final = {
    "ctask": SubjectType.CAMPAIGN_TASK,
    "prod_task": SubjectType.CAMPAIGN_TASK,
    "prodtask": SubjectType.CAMPAIGN_TASK,
    "pcs.prod_task": SubjectType.CAMPAIGN_TASK,
    "ptask": SubjectType.PANDA_TASK,
    "jedi": SubjectType.PANDA_TASK,
    "jedi_task": SubjectType.PANDA_TASK,
    "panda_tasks": SubjectType.PANDA_TASK,
    "pcs.panda_tasks": SubjectType.PANDA_TASK,
    "job": SubjectType.PANDA_JOB,
    "epicprod_job": SubjectType.PANDA_JOB,
    "did": SubjectType.DATASET,
}


def canonical_type(subject_type: str) -> str:
    """The type that the word means."""
    word = subject_type.strip().lower()
    return _ALIASES.get(word, word)
