"""What people watch, by the name that they know it by: found, or refused as what nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.http.fields import big_number
from api.pcs.errors import TaskNotFound
from api.pcs.queries import tasks
from api.provenance.queries import campaigns, dids, requested
from api.provenance.queries.dids import BadDid
from blocks.errors import Invalid
from flows.common.models import Request
from flows.notifications.domain.words import SubjectKind
from flows.provenance.models import DetectedRelease


def find(session: Session, kind: SubjectKind, name: str) -> str:
    """The subject as events and sweeps name it: a task's stored name, a DID, a path, a number.

    Raises:
        Invalid: Nothing of that kind has the name: a watch of it would never come true.
        AmbiguousIdentity: Several tasks have it.
    """
    try:
        return _FINDERS[kind](session, name)
    except (TaskNotFound, BadDid) as error:
        raise Invalid({"subject": [str(error)]}) from None


def _task(session: Session, name: str) -> str:
    try:
        return tasks.resolve_known(session, name).name
    except TaskNotFound:
        if _was_submitted(session, name):
            return name
        raise


def _was_submitted(session: Session, name: str) -> bool:
    """Whether a submission was asked for: also of a task that another PCS has."""
    asked = select(Request.id).where(Request.action == tasks.SUBMIT, Request.subject == name)
    return session.scalar(asked.limit(1)) is not None


def _dataset(_session: Session, name: str) -> str:
    """Any DID: what Rucio does not have yet may arrive."""
    return str(dids.parse(name))


def _campaign(session: Session, name: str) -> str:
    """One of PCS's, of those that were swept, or of Rucio's releases, which may be swept yet."""
    known = [*campaigns.known(session), *session.scalars(select(DetectedRelease.version))]
    if name not in known:
        raise _unknown("campaign", name, known)
    return name


def _path(session: Session, name: str) -> str:
    found = requested.paths_called(session, name)
    if not found:
        raise _unknown("requested path", name)
    if len(found) > 1:
        raise Invalid({"subject": [f"Several requested paths end so: {', '.join(found)}"]})
    return found[0]


def _request(session: Session, name: str) -> str:
    number = big_number(name)
    if number is None or session.get(Request, number) is None:
        raise _unknown("request", name)
    return str(number)


def _unknown(what: str, name: str, known: Sequence[str] = ()) -> Invalid:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return Invalid({"subject": [f"There is no {what} {name!r}{hint}"]})


_FINDERS: Final[dict[SubjectKind, Callable[[Session, str], str]]] = {
    SubjectKind.TASK: _task,
    SubjectKind.DATASET: _dataset,
    SubjectKind.CAMPAIGN: _campaign,
    SubjectKind.PATH: _path,
    SubjectKind.REQUEST: _request,
}
