"""The notifier's look at alarms: by a slow clock, and soon after something happened."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from deployments.isolation import isolated
from flows.common import events
from flows.common.database import now, transaction
from flows.common.settings import settings
from flows.notifications.alarms import evaluation
from flows.notifications.alarms.evaluation import Wanted
from flows.notifications.domain.words import What
from flows.notifications.models import AlarmEpisode, Rule
from flows.notifications.repository import alarms, outbox

_CLOCK_SECONDS: Final = 60.0
_AFTER_NEWS_SECONDS: Final = 10.0


@dataclass
class Alarms:
    """Looks at the alarms of every rule; one at a time on one database.

    Attributes:
        engine: The database.
    """

    engine: Engine
    _looked_at: float = -float("inf")

    def look_if_due(self, *, has_news: bool) -> None:
        """Look, if that was not done for a while.

        Raises:
            DatabaseUnavailable: It is away; what was found is found again.
        """
        pause = _AFTER_NEWS_SECONDS if has_news else _CLOCK_SECONDS
        if time.monotonic() - self._looked_at >= pause:
            self._looked_at = time.monotonic()
            self.look(now())

    def look(self, at: datetime) -> None:
        """Look at the alarms of every rule, each in a transaction with what it announces.

        Raises:
            DatabaseUnavailable: It is away.
        """
        with transaction(self.engine) as session:
            rules = [each for each in outbox.rules_in_force(session) if each.what == What.ALARM]
            _end_unwanted(session, rules, at)
            if not rules:
                return
            expects = settings().canary.is_scheduled
            seen = alarms.observe(session, at, expects_canary=expects)
        for rule in rules:
            with isolated("the alarms of a rule cannot be judged", rule=rule.id):
                wanted = Wanted.of(rule)
                with transaction(self.engine) as session:
                    news = evaluation.look(session, wanted, seen, _of(session, rule))
                    events.commit(session, news)


def _end_unwanted(session: Session, rules: list[Rule], at: datetime) -> None:
    """End the alarms of rules that are not in force any more; nobody is told."""
    in_force = {each.id for each in rules}
    for each in alarms.open_episodes(session):
        if each.rule_id not in in_force:
            each.ended_at = at


def _of(session: Session, rule: Rule) -> list[AlarmEpisode]:
    return [each for each in alarms.open_episodes(session) if each.rule_id == rule.id]
