"""What is told, for tests: channels, and messages with their fates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from flows.common.database import transaction
from flows.notifications.domain.words import ChannelKind, DeliveryState, Outcome, Severity, What
from flows.notifications.models import Notification
from flows.notifications.repository import channels

SECRET = "/etc/prodops/channels/secret.url"


def make_channels(engine: Engine) -> None:
    """A channel `ops` that is not open to watchers, and one, `open`, that is."""
    with transaction(engine) as session:
        for name, is_open in (("ops", False), ("open", True)):
            channels.add(
                session, name, ChannelKind.FILE, url_file=Path(SECRET),
                description=f"the {name} channel", is_open_to_watchers=is_open,
            )  # fmt: skip


def tell(engine: Engine, key: str, **values: Any) -> int:
    """A message, by default that a task of the tester was submitted; gives its number."""
    row = {
        "recipient": "tester",
        "username": "tester",
        "watch_id": 1,
        "what": What.ACTION,
        "name": "submit_task",
        "outcome": Outcome.COMPLETED,
        "severity": Severity.INFO,
        "subject": "t1",
        "title": "t1 was submitted",
        "state": DeliveryState.SENT,
    }
    with transaction(engine) as session:
        made = Notification(dedup_key=key, **row | values)
        session.add(made)
        session.flush()
        return made.id
