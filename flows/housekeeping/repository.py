"""The SQL that deletes old history, in bounded pieces. Nothing here commits."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import TextClause, delete, select, text
from sqlalchemy.orm import Session

from flows.common.models import Event, RelayedState

PIECE = 20_000


def delete_piece(session: Session, model: type[Event | RelayedState], before: datetime) -> int:
    """Delete a piece of a table's rows of before that time, the oldest; gives their number."""
    (key,) = model.__table__.primary_key
    oldest = select(key).where(model.at < before).order_by(model.at).limit(PIECE)
    return session.connection().execute(delete(model).where(key.in_(oldest))).rowcount


class History(StrEnum):
    """What grows of what comes in, by the name that its number has in the flow's result."""

    LOG_RECORDS = "log_records"
    MESSAGES = "messages"
    SUBSCRIBERS = "subscribers"
    AGENTS = "agents"
    SEEN_MESSAGES = "seen_messages"
    """By what messages of the bus are recognised when they come again."""
    SETTLED_MESSAGES = "settled_messages"
    """Messages of the bus that were set aside, and settled."""
    NOTIFICATIONS = "notifications"
    """Those that came to their end."""
    SPENT_WATCHES = "spent_watches"
    REQUEST_ENDS = "request_ends"
    """Ends of requests that no notifier has looked at."""
    ALARMS = "alarms"
    """Those that are over."""


# The tables are those of other capabilities, which this one shares the database with.
_DELETE: Final[dict[History, TextClause]] = {
    History.LOG_RECORDS: text("""
        DELETE FROM swf_applog WHERE id IN (
            SELECT id FROM swf_applog WHERE timestamp < :before ORDER BY timestamp LIMIT :piece)
    """),
    History.MESSAGES: text("""
        DELETE FROM swf_workflow_messages WHERE message_id IN (
            SELECT message_id FROM swf_workflow_messages WHERE sent_at < :before
            ORDER BY sent_at LIMIT :piece)
    """),
    # An agent names its subscriber after itself, once, and may then be heard for months.
    History.SUBSCRIBERS: text("""
        DELETE FROM swf_subscribers WHERE subscriber_id IN (
            SELECT subscriber_id FROM swf_subscribers AS subscriber
            WHERE greatest(updated_at, last_activity) < :before AND NOT EXISTS (
                SELECT FROM swf_systemagent WHERE last_heartbeat >= :before
                AND starts_with(subscriber.subscriber_name, instance_name || '-'))
            LIMIT :piece)
    """),
    History.AGENTS: text("""
        DELETE FROM swf_systemagent WHERE id IN (
            SELECT id FROM swf_systemagent
            WHERE coalesce(last_heartbeat, created_at) < :before LIMIT :piece)
    """),
    History.SEEN_MESSAGES: text("""
        DELETE FROM bus_seen WHERE digest IN (
            SELECT digest FROM bus_seen WHERE at < :before ORDER BY at LIMIT :piece)
    """),
    History.SETTLED_MESSAGES: text("""
        DELETE FROM bus_set_aside WHERE id IN (
            SELECT id FROM bus_set_aside
            WHERE state IN ('retried', 'dropped') AND settled_at < :before LIMIT :piece)
    """),
    # A summary goes after what it tells.
    History.NOTIFICATIONS: text("""
        DELETE FROM notification WHERE id IN (
            SELECT id FROM notification AS told
            WHERE at < :before AND state NOT IN ('pending', 'sending') AND NOT EXISTS (
                SELECT FROM notification WHERE summary_id = told.id AND at >= :before)
            ORDER BY at LIMIT :piece)
    """),
    History.ALARMS: text("""
        DELETE FROM notification_alarm WHERE id IN (
            SELECT id FROM notification_alarm WHERE ended_at < :before LIMIT :piece)
    """),
    History.SPENT_WATCHES: text("""
        DELETE FROM notification_watch WHERE id IN (
            SELECT id FROM notification_watch WHERE fired_at < :before LIMIT :piece)
    """),
    History.REQUEST_ENDS: text("""
        DELETE FROM notification_request_end WHERE id IN (
            SELECT id FROM notification_request_end WHERE at < :before ORDER BY id LIMIT :piece)
    """),
}


def delete_history_piece(session: Session, history: History, before: datetime) -> int:
    """Delete a piece of what came before that time; gives the number of rows."""
    values = {"before": before, "piece": PIECE}
    return session.connection().execute(_DELETE[history], values).rowcount
