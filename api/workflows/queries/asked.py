"""Workflows that were asked for and have not begun."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from flows.common.models import OPEN, Request
from flows.workflows.actions import RUN_WORKFLOW
from flows.workflows.models import WorkflowRun


def waiting(session: Session) -> list[Request]:
    """The open requests that have begun no execution yet, the oldest first."""
    has_begun = exists().where(WorkflowRun.request_id == Request.id)
    is_open = (Request.action == RUN_WORKFLOW.name, Request.state.in_(OPEN), ~has_begun)
    return list(session.scalars(select(Request).where(*is_open).order_by(Request.id)))
