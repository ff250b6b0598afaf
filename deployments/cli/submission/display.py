"""How production tasks and their submissions are shown: lines, a live display, rows."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import typer

from blocks.pcs_service import Attempt, ProdTask
from deployments.cli.submission.outcome import Outcome, Submission, newest_attempt
from deployments.cli.text import clean, clock_time
from flows.submission.domain.inputs import lost_in_words

if TYPE_CHECKING:
    from rich.live import Live

_MOST_LINES: Final = 12
_NOT_AGAIN: Final = "do not submit it again"


# ------------------------------------------------------------------ tasks

COLUMNS: Final = (
    "name",
    "status",
    "jediTaskID",
    "PanDA",
    "submission",
    "campaign",
    "owner",
    "updated",
    "lost",
)


def row_of(task: ProdTask) -> dict[str, Any]:
    """A task as a row of the list."""
    newest = newest_attempt(task)
    return {
        "name": clean(task.composed_name or task.name),
        "status": task.shown_status or task.status,
        "jediTaskID": task.panda_task_id,
        "PanDA": newest.status_snapshot if newest else "",
        "submission": clean(str(task.request.get("state", ""))) if task.request else "",
        "campaign": clean(task.campaign or ""),
        "owner": clean(task.created_by),
        "updated": task.updated_at,
        "lost": clean(_lost_of(task)),
    }


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    """An attempt as a row."""
    return {
        "try": attempt.try_number,
        "name at PanDA": clean(attempt.task_name),
        "jediTaskID": attempt.jedi_task_id,
        "PanDA": clean(attempt.status_snapshot),
        "lost": clean(_lost(attempt)),
        "reason": clean(str(attempt.metadata.get("submit_failure", ""))),
        "updated": attempt.updated_at,
    }


def facts_of(task: ProdTask) -> Iterator[tuple[str, str]]:
    """What is shown of a task, each with its label."""
    yield "name", task.composed_name or task.name
    yield "stored name", task.name
    yield "status", _status_text(task)
    yield "jediTaskID", str(task.panda_task_id or "none")
    yield "dataset", task.dataset_did or task.dataset_name
    yield "configuration", task.prod_config_name
    yield "campaign", task.campaign or "none"
    yield "owner", task.created_by
    if task.readiness is not None:
        yield "readiness", "; ".join(task.readiness) or "nothing is missing"
    if task.request is not None:
        yield "submission", _request_text(task.request)


def _status_text(task: ProdTask) -> str:
    text = task.shown_status or task.status
    if lost := _lost_of(task):
        text += f": {lost}"
    return text + (" (relaxed)" if task.is_relaxed else "")


def _lost_of(task: ProdTask) -> str:
    """What is lost of the attempt that stands for the task."""
    ids = {each.jedi_task_id: each for each in task.panda_tasks if each.jedi_task_id is not None}
    pointed = ids.get(task.panda_task_id) if task.panda_task_id is not None else None
    return _lost(pointed) if pointed is not None else ""


def _lost(attempt: Attempt) -> str:
    return lost_in_words(attempt.metadata, attempt.status_snapshot)


def _request_text(request: dict[str, Any]) -> str:
    text = f"request {request.get('id')} is {request.get('state')}"
    if request.get("error"):
        text += f": {request['error']}"
    if request.get("not_before"):
        text += f"; looked into again {_at(str(request['not_before']))}"
    return text


# ------------------------------------------------------------------ submissions


def result_line(submission: Submission) -> str:
    """The line that says what came of it."""
    return clean(f"{submission.name}: {_result(submission)}")


def _result(submission: Submission) -> str:
    of, id_ = submission.reason, submission.jedi_task_id
    took = f" ({submission.seconds:.1f} s)" if submission.seconds else ""
    again = f"; looked into again {_at(submission.next_check_at)}"
    again = f"{again if submission.next_check_at else ''}; {_NOT_AGAIN}"
    match submission.outcome:
        case Outcome.ACCEPTED:
            return f"accepted{_as_request(submission)}"
        case Outcome.SUBMITTED:
            return f"submitted as jediTaskID {id_}{took}"
        case Outcome.PENDING:
            return f"not ended yet{_as_request(submission)} ({stage(submission)}); {_NOT_AGAIN}"
        case Outcome.UNKNOWN:
            return f"not known yet whether PanDA has it: {of}{again}"
        case Outcome.UNRECORDED:
            return f"PanDA has it as jediTaskID {id_}, and PCS does not know yet: {of}{again}"
        case _:
            return f"{submission.outcome.replace('_', ' ')}: {of}{took}"


def _as_request(submission: Submission) -> str:
    return f" as request {submission.request_id}" if submission.request_id is not None else ""


def stage(submission: Submission) -> str:
    """The step that it is at, in words."""
    match submission.outcome:
        case Outcome.UNKNOWN | Outcome.UNRECORDED:
            return f"{submission.outcome}: {_step(submission) or submission.reason}"
        case Outcome.ACCEPTED | Outcome.PENDING:
            return _step(submission) or submission.text or "accepted"
        case _:
            return _result(submission)


def _step(submission: Submission) -> str:
    if not submission.step:
        return ""
    of = f"/{submission.steps}" if submission.steps else ""
    return f"{submission.step_number}{of} {submission.step}: {submission.text}"


class Lines:
    """Tells each change in a line on stderr, for pipes and logs."""

    def __init__(self, *, is_one: bool) -> None:
        self._is_one = is_one

    def changed(self, submission: Submission) -> None:
        """Tell it; of one alone, the end follows on stdout anyway."""
        if self._is_one and not submission.is_open:
            return
        now = f"{datetime.now(UTC):%H:%M:%S} UTC"
        typer.echo(clean(f"[{now}] {submission.name}: {stage(submission)}"), err=True)

    def tick(self, submissions: Sequence[Submission]) -> None:
        """Time alone changes nothing here."""


class LiveLines:
    """Shows on a terminal's stderr where each submission stands, and for how long."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def changed(self, submission: Submission) -> None:
        """The next tick shows it."""

    def tick(self, submissions: Sequence[Submission]) -> None:
        """Draw it anew."""
        from rich.text import Text  # noqa: PLC0415

        text = "\n".join(drawn_lines(submissions))
        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)


@contextmanager
def shown(*, is_one: bool) -> Iterator[Lines | LiveLines]:
    """Show people how it goes: live on a terminal, else in lines."""
    if not sys.stderr.isatty():
        yield Lines(is_one=is_one)
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only for people
    from rich.live import Live  # noqa: PLC0415

    with Live(
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        yield LiveLines(live)


def drawn_lines(submissions: Sequence[Submission]) -> list[str]:
    """What the live display shows: what is open, the first dozen of it; of many, how many."""
    open_ones = [each for each in submissions if each.is_open]
    lines = [
        clean(f"{stage(each)}  {each.seconds:.0f} s  {each.name}")
        for each in open_ones[:_MOST_LINES]
    ]
    if len(submissions) > 1:
        counts = Counter("under way" if each.is_open else each.outcome for each in submissions)
        lines.append(", ".join(f"{number} {what}" for what, number in counts.items()))
    return lines


def _at(written: str) -> str:
    """`at` a time of day; as it is written where it is no time."""
    time = clock_time(written)
    return f"at {time} UTC" if time else written
