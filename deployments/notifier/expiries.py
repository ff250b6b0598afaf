"""The notifier's look at ends of credentials: each is announced before it is an outage."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from flows.common import events, expiry
from flows.common.database import now, transaction
from flows.common.events import NewEvent, announcement
from flows.common.settings import settings
from flows.notifications.domain.expiring import Notice, due, endings_of
from flows.notifications.messages import CredentialExpires
from flows.notifications.repository import alarms
from flows.notifications.repository import expiry as notices

_CLOCK_SECONDS: Final = 60.0


@dataclass
class Expiries:
    """Announces ends of credentials; one at a time on one database.

    Attributes:
        engine: The database.
    """

    engine: Engine
    _looked_at: float = -float("inf")

    def look_if_due(self) -> None:
        """Look, if that was not done for a while.

        Raises:
            DatabaseUnavailable: It is away; what is near its end is found again.
        """
        if time.monotonic() - self._looked_at >= _CLOCK_SECONDS:
            self._looked_at = time.monotonic()
            self.look(now())

    def look(self, at: datetime) -> None:
        """Announce what has come so near its end as was not announced before.

        Raises:
            DatabaseUnavailable: It is away.
        """
        days = settings().notifications.expiry_days
        with transaction(self.engine) as session:
            endings = list(endings_of(alarms.credentials(session) or (), at))
            endings += notices.tokens(session, at, within_days=max(days, default=0.0))
            new = notices.note(session, due(endings, at, days), at)
            notices.forget(session, at)
            events.commit(session, [_event(each, at) for each in new])


def _event(notice: Notice, at: datetime) -> NewEvent:
    ending = notice.ending
    return announcement(
        CredentialExpires,
        None,
        ending.credential,
        credential=ending.credential,
        not_after=ending.not_after,
        threshold_days=notice.threshold_days,
        text=expiry.in_words(ending.not_after, at),
        owner=ending.owner,
    )
