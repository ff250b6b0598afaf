"""What a run leaves at Prefect: links to its pages, how it went, and perhaps a table. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from flows.common import markdown
from flows.common.actions import Action
from flows.common.models import HELD, Request, RequestState
from flows.common.run_labels import shortened

_MOST_KEY: Final = 120
_MOST_NUMBERS: Final = 40
_MOST_ROWS: Final = 500
_MOST_REASON: Final = 2000
_UNNAMEABLE: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Artifact:
    """An artifact of a run, as Prefect's REST takes it.

    Attributes:
        key: Of small letters, digits and dashes; the page of a key lists all of that key.
        type: `markdown`, or `table`, of which `data` is a JSON list of rows, with Markdown in them.
    """

    key: str
    type: str
    description: str
    data: str
    flow_run_id: UUID | None = None

    def body(self) -> dict[str, Any]:
        """The body of the request that makes it."""
        return asdict(self) | {"flow_run_id": str(self.flow_run_id)}


def artifacts_of(
    request: Request, action: Action, address: str, flow_run_id: UUID | None
) -> list[Artifact]:
    """What the run of a request leaves: a summary, and a table where its result is one.

    Args:
        request: As its run left it.
        action: What was run.
        address: Of the monitor, without a slash at its end.
        flow_run_id: The run, which the request names no more where a later one has it.
    """
    form = action.parameters.model_validate(request.parameters)
    result = request.result or {}
    subject = action.subject(form) or ""
    title = f"{action.verb_of(form)} {shortened(subject)}".strip()
    pages = [("request", f"/requests/{request.id}/"), *action.pages(form, result)]
    links = " · ".join(markdown.link(label, f"{address}{path}") for label, path in pages)
    facts = markdown.table(("Fact", "Value"), _facts(request, result))
    # Not in the table, whose cells do not wrap.
    reason = markdown.escaped(request.error or "", most=_MOST_REASON)
    text = "\n\n".join(part for part in (links, reason, facts) if part)
    made = [
        Artifact(key_of(action, subject), "markdown", markdown.escaped(title), text, flow_run_id)
    ]
    if rows := [dict(row) for row in action.table(result)][:_MOST_ROWS]:
        key = key_of(action, subject, "table")
        made.append(Artifact(key, "table", markdown.escaped(title), _json(rows), flow_run_id))
    return made


def key_of(action: Action, subject: str, *more: str) -> str:
    """The key of an artifact: `submit-task-group-eic-26-12-0-x`."""
    words = " ".join([action.name, *more, subject]).lower()
    return _UNNAMEABLE.sub("-", words)[:_MOST_KEY].strip("-")


def _facts(request: Request, result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Outcome", f"**{_outcome(request)}**"
    yield "Requested by", markdown.escaped(f"{request.requested_by} ({request.source})")
    yield "Requested at", f"{request.created_at:%Y-%m-%d %H:%M:%S} UTC"
    if request.started_at is not None:
        yield "Waited", _seconds(request.created_at, request.started_at)
        if request.finished_at is not None:
            yield "Took", _seconds(request.started_at, request.finished_at)
    yield "Attempt", str(request.attempts)
    for index, (name, value) in enumerate(_numbers(result)):
        if index == _MOST_NUMBERS:
            yield "…", "more in the request's result"
            return
        yield markdown.escaped(name), markdown.escaped(value)


def _outcome(request: Request) -> str:
    if request.state in HELD:
        return "ending"
    if request.state in {RequestState.QUEUED, RequestState.UNKNOWN}:
        return f"{request.state}: a later run goes on"
    return str(request.state)


def _seconds(begin: datetime, end: datetime) -> str:
    return f"{(end - begin).total_seconds():.1f} s"


def _numbers(result: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The result's values, each with its path; of a list only how long it is."""
    for name, value in result.items():
        path = f"{above}.{name}" if above else str(name)
        if isinstance(value, Mapping):
            yield from _numbers(value, path)
        elif isinstance(value, list):
            yield path, f"{len(value)} in number"
        else:
            yield path, value


def _json(rows: list[dict[str, Any]]) -> str:
    """The rows as Prefect's own tables hold them."""
    shown = [
        {
            key: value if isinstance(value, int | float) else markdown.escaped(value)
            for key, value in row.items()
        }
        for row in rows
    ]
    return json.dumps(shown)
