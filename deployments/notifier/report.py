"""How the notifier is, in its log and on the page of the system."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Engine

from deployments.condition_report import ConditionReport
from flows.common.models import PartKind


class NotifierCondition(StrEnum):
    """How a notifier is, as the page of the system reads it."""

    STARTING = "starting"
    READY = "ready"
    """It follows what happens, and delivers."""
    STANDS_BY = "stands_by"
    """Another notifier works on this database."""
    CHANNEL_AWAY = "channel_away"
    """It works, and a channel does not take its messages."""
    DATABASE_AWAY = "database_away"
    ENDED = "ended"


class NotifierReport(ConditionReport[NotifierCondition]):
    """Says how the notifier is."""

    def __init__(self, engine: Engine) -> None:
        """A report of a notifier that starts."""
        super().__init__(
            engine,
            PartKind.NOTIFIER,
            NotifierCondition.STARTING,
            ended=NotifierCondition.ENDED,
            good=frozenset({NotifierCondition.READY, NotifierCondition.ENDED}),
        )
