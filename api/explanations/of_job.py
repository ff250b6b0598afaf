"""Why a job failed, by the log of it that is here; or why there is none."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Final

from api.explanations.domain import Explanation, Verdict
from api.http.tools.calls import Call
from api.payload_logs import files, queries
from api.payload_logs.errors_in import last_errors
from api.payload_logs.queries import Phase
from api.payload_logs.tools import ADVICE
from flows.payload_logs.models import PayloadLog

_MOST_ERRORS: Final = 20
_READ_ON: Final = "read_payload_log reads around a line, by its member and offset."


def explain(call: Call, pandaid: int) -> Explanation:
    """What the job's log says; where it is not here, what became of its fetch."""
    standing = queries.look(call.session, pandaid, call.settings)
    errors = errors_of(call, standing.row)
    return Explanation(
        about={
            "type": "job",
            "pandaid": pandaid,
            "log": standing.phase,
            "task": queries.task_name(call.session, standing.row),
            "mistaken": queries.mistaken(call.session, standing.row),
        },
        verdict=_verdict(standing.phase, errors),
        step=standing.row.step if standing.row is not None and not errors else "",
        reason=_reason(standing, errors),
        what_to_do=[ADVICE[standing.phase], *([_READ_ON] if errors else [])],
        last_errors=errors,
        links={"log": call.link(f"/panda/jobs/{pandaid}/log/")},
    )


def errors_of(call: Call, row: PayloadLog | None) -> list[dict[str, Any]]:
    """The last lines of a job's log that look like errors; none where it is not here."""
    with files.open_of(row, call.settings) or nullcontext() as log:
        if log is None or row is None:
            return []
        found = last_errors(log, _MOST_ERRORS)
    return [{"pandaid": row.pandaid, **vars(each)} for each in found]


def _verdict(phase: Phase, errors: list[dict[str, Any]]) -> Verdict:
    """A log tells of errors, and not whether its job failed: PanDA knows that."""
    if phase is Phase.WAITING:
        return Verdict.UNDER_WAY
    return Verdict.FAILED if phase is Phase.FAILED and not errors else Verdict.UNKNOWN


def _reason(standing: queries.Standing, errors: list[dict[str, Any]]) -> str:
    if standing.phase is Phase.READY:
        return (
            "Its log holds lines that look like errors. Whether the job failed, PanDA says."
            if errors
            else "Nothing in its log looks like an error. Whether the job failed, PanDA says."
        )
    prefix = "The fetch of its log failed: " if standing.phase is Phase.FAILED else ""
    return f"{prefix}{standing.reason}"
