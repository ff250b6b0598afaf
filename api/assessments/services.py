"""Registering an assessment."""

from __future__ import annotations

from sqlalchemy.orm import Session

from api.assessments import subjects
from api.assessments.models import Assessment
from api.assessments.schemas import AssessmentForm
from api.http.tools.speaking import speaker
from flows.common.callers import Caller, Scope


def register(session: Session, form: AssessmentForm, caller: Caller, *, prefix: str) -> Assessment:
    """Keep an assessment, in the caller's name or in that of whom a service speaks for.

    Args:
        session: The caller's transaction.
        form: What is said, and about what.
        caller: Who registers it.
        prefix: The path that our pages are below.

    Raises:
        Forbidden: The caller may not write, or names another.
        SubjectNotFound: Nothing has the key.
        AmbiguousIdentity: Several tasks have the name.
    """
    caller.require(Scope.REQUEST, "Registering an assessment")
    subject = subjects.find(session, form.subject_type, form.subject_key)
    added = Assessment(
        subject_type=subject.type,
        subject_key=subject.key,
        subject_label=form.subject_label or subject.label,
        subject_url=form.subject_url or (f"{prefix}{subject.path}" if subject.path else ""),
        username=speaker(caller, form.username).name,
        ai=form.ai or "unknown",
        assessment=form.assessment,
        data=form.data,
        is_linked=subject.is_linked,
    )
    session.add(added)
    session.flush()
    return added
