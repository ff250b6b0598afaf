"""What an explanation says, and the words for what to do. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, Field

from api.submission.domain import Phase


class Verdict(StrEnum):
    """Whether something failed."""

    FAILED = "failed"
    PARTLY = "partly_failed"
    """It ended, and some of its inputs failed for good."""
    UNKNOWN = "unknown"
    """Its outcome is being established, or waits for an operator's word: that is no failure."""
    UNDER_WAY = "under_way"
    GOOD = "good"
    CANCELLED = "cancelled"
    """It was ended before it was done."""
    NOT_BEGUN = "not_begun"


class Explanation(BaseModel):
    """What failed, why, and what to do."""

    about: dict[str, Any] = Field(description="What it is about.")
    verdict: Verdict
    step: str = Field("", description="The step at which it failed, or is.")
    reason: str = Field("", description="Why, in the words of whatever failed.")
    what_to_do: list[str]
    last_errors: list[dict[str, Any]] = Field(
        [], description="The last lines of a payload's log that look like errors."
    )
    related: list[dict[str, Any]] = Field([], description="Requests and jobs of it.")
    links: dict[str, str]


FAILED_AT_PANDA: Final = frozenset({"failed", "broken", "aborted", "exhausted"})
OF_SUBMISSION: Final[dict[Phase, tuple[Verdict, str]]] = {
    Phase.NONE: (
        Verdict.NOT_BEGUN,
        "It was never submitted: pcs_prodtask_submit submits it once it is ready.",
    ),
    Phase.WAITING: (
        Verdict.UNDER_WAY,
        "Its submission waits; get_request says what for. Nothing has failed.",
    ),
    Phase.RUNNING: (
        Verdict.UNDER_WAY,
        "Its submission is under way; get_request with wait_seconds says how it ends.",
    ),
    Phase.UNKNOWN: (
        Verdict.UNKNOWN,
        (
            "PanDA may have the task, and that is being found out: do not submit it again. If it "
            "stays so for hours, an operator settles it (how-to: when a submission is unknown)."
        ),
    ),
    Phase.UNRECORDED: (
        Verdict.UNKNOWN,
        "PanDA has the task, and its id is being recorded: do not submit it again.",
    ),
    Phase.UNRESOLVED: (
        Verdict.UNKNOWN,
        (
            "PanDA has a task whose id PCS refuses. An operator adopts it or says that it failed "
            "(prodops task resolve; how-to: when a submission is unknown)."
        ),
    ),
    Phase.SUBMITTED: (Verdict.GOOD, "It is at PanDA; pcs_prodtask_get has its status there."),
    Phase.FAILED: (
        Verdict.FAILED,
        (
            "No task was made at PanDA. Mend what the reason names, then pcs_prodtask_submit "
            "submits it again, under the next name."
        ),
    ),
}
"""What a phase of a submission means, and what to do."""

JOBS_FAILED: Final = (
    (
        "Look at the log of a failed job: fetch_payload_log takes the job's id from the PanDA "
        "monitor, and explain_failure(pandaid=…) then shows the errors."
    ),
    (
        "Once the cause is mended, pcs_prodtask_retry_failures runs the failed jobs again; "
        "pcs_prodtask_rerun runs the whole task again as another one."
    ),
)
