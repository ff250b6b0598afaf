"""What an event means: which thing happened, how it came out, and what has become true by it.

Source: ops contract section 1.15, and what prodops adds (docs/reference/messages.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flows.notifications.domain import pages
from flows.notifications.domain.ends import end_key
from flows.notifications.domain.happenings import Fact, Happening, Link
from flows.notifications.domain.words import Outcome, SubjectKind, WatchFor, What


@dataclass(frozen=True, kw_only=True)
class EventFacts:
    """An event, and what is known of its request: `action` is empty where it has none."""

    id: int
    msg_type: str
    at: datetime
    subject: str
    payload: Mapping[str, Any]
    request_id: int | None = None
    action: str = ""
    requested_by: str = ""
    owner: str = ""
    campaign: str = ""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """How events of a type are read.

    Attributes:
        text: What happened, where it went well.
        outcome: How it came out.
        ends: The actions whose end it tells, so that both are one thing.
        facts: What has become true by it.
        links: Pages about it.
    """

    text: str
    outcome: Callable[[Mapping[str, Any]], Outcome]
    ends: tuple[str, ...] = ()
    facts: Callable[[Mapping[str, Any]], Iterator[Fact]] = lambda _payload: iter(())
    links: Callable[[Mapping[str, Any]], Iterator[Link]] = lambda _payload: iter(())


def of_event(event: EventFacts) -> Happening | None:
    """What an event means; None where nobody is to be told of such."""
    meaning = _MEANINGS.get(event.msg_type)
    if meaning is None:
        return None
    said = event.payload
    outcome = meaning.outcome(said)
    is_end = event.request_id is not None and event.action in meaning.ends
    key = f"event:{event.id}"
    if is_end and event.request_id is not None:
        key = end_key(event.request_id, outcome)
    links = [*meaning.links(said)]
    if event.request_id is not None:
        links.append(pages.request(event.request_id))
    return Happening(
        key=key,
        names=((What.EVENT, event.msg_type),),
        outcome=outcome,
        at=event.at,
        text=meaning.text if outcome in _GOOD else _NOT_GOOD[outcome],
        subject=event.subject,
        requester=event.requested_by,
        owner=event.owner,
        campaign=event.campaign or str(said.get("campaign") or ""),
        reason=_reason(said),
        links=tuple(links),
        facts=frozenset(meaning.facts(said)),
        event_id=event.id,
        request_id=event.request_id,
    )


# ------------------------------------------------------------------ how it came out


_GOOD: Final = frozenset({Outcome.COMPLETED, Outcome.NOTED})
_NOT_GOOD: Final = {
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "has an unknown outcome: it is being found out",
    Outcome.CANCELLED: "was cancelled",
}


def _always(outcome: Outcome) -> Callable[[Mapping[str, Any]], Outcome]:
    return lambda _said: outcome


def _by_ok(said: Mapping[str, Any]) -> Outcome:
    return Outcome.COMPLETED if said.get("ok") else Outcome.FAILED


def _unrecorded(said: Mapping[str, Any]) -> Outcome:
    return Outcome.FAILED if said.get("is_final") else Outcome.UNKNOWN


def _reason(said: Mapping[str, Any]) -> str:
    """Why it did not go well, or what was found, in words."""
    keys = ("reason", "error", "differs", "text", "summary", "mail")
    texts = (said.get(key) for key in keys)
    return next((text for text in texts if isinstance(text, str) and text), "")


# ------------------------------------------------------------------ what has become true


def _of_task(*told: WatchFor) -> Callable[[Mapping[str, Any]], Iterator[Fact]]:
    def facts(said: Mapping[str, Any]) -> Iterator[Fact]:
        for each in told:
            yield SubjectKind.TASK, str(said.get("task_name") or ""), each

    return facts


def _registered(said: Mapping[str, Any]) -> Iterator[Fact]:
    if said.get("ok") and said.get("did"):
        yield SubjectKind.DATASET, str(said["did"]), WatchFor.ARRIVED
        for path in said.get("paths") or ():
            yield SubjectKind.PATH, str(path), WatchFor.ARRIVED


def _arrived(said: Mapping[str, Any]) -> Iterator[Fact]:
    by_campaign = said.get("by_campaign")
    for name, new in (by_campaign if isinstance(by_campaign, dict) else {}).items():
        if isinstance(new, dict) and new.get("files"):
            yield SubjectKind.CAMPAIGN, str(name), WatchFor.ARRIVED


# ------------------------------------------------------------------ pages


def _task_page(said: Mapping[str, Any]) -> Iterator[Link]:
    if name := said.get("task_name"):
        yield pages.task(str(name))


def _log_page(said: Mapping[str, Any]) -> Iterator[Link]:
    if pandaid := said.get("pandaid"):
        yield pages.job_log(str(pandaid))


def _campaign_page(said: Mapping[str, Any]) -> Iterator[Link]:
    if name := said.get("campaign"):
        yield pages.campaign(str(name))


def _report_page(said: Mapping[str, Any]) -> Iterator[Link]:
    if isinstance(number := said.get("report_id"), int):
        yield pages.report(number)


def _did_page(said: Mapping[str, Any]) -> Iterator[Link]:
    if did := said.get("did"):
        yield pages.did(str(did))
    elif said.get("scope") and said.get("name"):
        yield pages.did(f"{said['scope']}:{said['name']}")


# ------------------------------------------------------------------ the types


_SUBMITS: Final = ("submit_task", "resolve_submission")
_MEANINGS: Final = {
    "prodtask_submitted": Meaning(
        text="was submitted",
        outcome=_always(Outcome.COMPLETED),
        ends=_SUBMITS,
        facts=_of_task(WatchFor.SUBMITTED),
        links=_task_page,
    ),
    "prodtask_submit_failed": Meaning(
        text="",
        outcome=_always(Outcome.FAILED),
        ends=_SUBMITS,
        facts=_of_task(WatchFor.FAILED, WatchFor.ENDED),
        links=_task_page,
    ),
    "prodtask_submit_unknown": Meaning(
        text="", outcome=_always(Outcome.UNKNOWN), ends=_SUBMITS, links=_task_page
    ),
    "prodtask_submit_unrecorded": Meaning(
        text="", outcome=_unrecorded, ends=_SUBMITS, links=_task_page
    ),
    "prodtask_submit_resolved": Meaning(
        text="was settled by an operator", outcome=_always(Outcome.NOTED), links=_task_page
    ),
    "panda_task_remark": Meaning(
        text="shows something at PanDA", outcome=_always(Outcome.NOTED), links=_task_page
    ),
    "panda_task_operation_done": Meaning(
        text="was operated on", outcome=_by_ok, ends=("panda_task_operation",), links=_task_page
    ),
    "payload_log_ready": Meaning(
        text="is there",
        outcome=_always(Outcome.COMPLETED),
        ends=("fetch_payload_log",),
        links=_log_page,
    ),
    "payload_log_failed": Meaning(
        text="", outcome=_always(Outcome.FAILED), ends=("fetch_payload_log",), links=_log_page
    ),
    "campaign_provenance_ready": Meaning(
        text="was swept",
        outcome=_by_ok,
        ends=("campaign_provenance_sweep",),
        links=_campaign_page,
    ),
    "rucio_snapshot_ready": Meaning(
        text="of every producing campaign was made",
        outcome=_by_ok,
        ends=("rucio_snapshot_update", "sweep_producing_campaigns"),
    ),
    "evgen_rucio_ready": Meaning(
        text="of the registered inputs was made", outcome=_by_ok, ends=("evgen_rucio_update",)
    ),
    "evgen_registered": Meaning(
        text="was registered", outcome=_by_ok, facts=_registered, links=_did_page
    ),
    "rucio_arrivals": Meaning(
        text="were counted", outcome=_by_ok, ends=("sweep_arrivals",), facts=_arrived
    ),
    "completion_report_ready": Meaning(
        text="was made", outcome=_by_ok, ends=("report_completion",), links=_report_page
    ),
    "rucio_did_ready": Meaning(
        text="was read from Rucio", outcome=_by_ok, ends=("read_did",), links=_did_page
    ),
}
TYPES: Final = frozenset(_MEANINGS)
"""The types of our events that somebody can be told of."""
