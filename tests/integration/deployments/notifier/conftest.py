"""A notifier's two halves on a database of their own, with channels whose URLs stand in files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from deployments.notifier.delivering import Deliverer, directory_of
from deployments.notifier.taking import Taker
from flows.common import actions, events
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.settings import settings
from flows.notifications.domain.words import ChannelKind, DeliveryState
from flows.notifications.models import Notification
from flows.notifications.repository import channels, outbox, wishes
from flows.notifications.schemas import RuleForm, WatchForm
from flows.submission import messages
from tests.databases import Database
from tests.support import requests
from tests.support.requests import ACTION

ANNA = on_ops_side("anna")


@dataclass
class Site:
    """A notifier in this process."""

    engine: Engine
    directory: Path
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.set()
        self.take()  # from now on

    @cached_property
    def claim(self) -> Claim:
        """What is announced belongs to it: only that is told."""
        return requests.over(self.engine)

    def set(self, **values: object) -> None:
        self.monkeypatch.setenv("PRODOPS_STATE_DIR", str(self.directory))
        for name, value in values.items():
            self.monkeypatch.setenv(f"PRODOPS_NOTIFICATIONS_{name.upper()}", str(value))
        settings.cache_clear()
        self.deliverer = Deliverer(settings(), self.engine)

    def channel(
        self, name: str = "ops", url: str = "file:ops.jsonl",
        kind: ChannelKind = ChannelKind.FILE, **more: Any,
    ) -> int:  # fmt: skip
        file = self.directory / f"{name}.url"
        file.write_text(url)
        file.chmod(0o600)
        with transaction(self.engine) as session:
            made = channels.add(session, name, kind, url_file=file, **more)
            return made.id

    def rule(self, **form: Any) -> int:
        with transaction(self.engine) as session:
            return wishes.save_rule(session, RuleForm(**{"channel": "ops", **form}), ANNA)

    def watch(self, kind: str, subject: str, watch_for: str, channel: str | None = "ops") -> int:
        form = WatchForm(kind=kind, subject=subject, watch_for=watch_for, channel=channel)
        with transaction(self.engine) as session:
            return wishes.add_watch(session, form, ANNA)

    def announce(self, *new: events.NewEvent) -> None:
        with transaction(self.engine) as session:
            events.commit(session, new)

    def say(self, *bodies: dict[str, Any]) -> None:
        """Let a peer say something."""
        said = [replace(events.message_event(each), origin=events.BUS) for each in bodies]
        with transaction(self.engine) as session:
            events.commit(session, said)

    def take(self) -> None:
        taker = Taker(self.engine)
        while taker.take():
            pass

    def deliver(self) -> None:
        """Deliver all that is due."""
        from flows.common.database import now  # noqa: PLC0415

        with transaction(self.engine) as session:
            due = outbox.groups_due(session, now())
        for group in due:
            while self.deliverer.deliver_next(group):
                pass

    def rows(self) -> list[Notification]:
        with transaction(self.engine) as session:
            return list(session.scalars(select(Notification).order_by(Notification.id)))

    def states(self) -> list[DeliveryState]:
        return [DeliveryState(each.state) for each in self.rows()]

    def messages(self, name: str = "ops") -> list[dict[str, str]]:
        file = directory_of(settings()) / f"{name}.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's action is known."""
    monkeypatch.setattr(actions, "all_actions", lambda: {ACTION.name: ACTION})


@pytest.fixture
def site(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(database.ops_engine, tmp_path, monkeypatch)


@pytest.fixture
def submitted(site: Site) -> Callable[[str], events.NewEvent]:
    """Makes the event of a submitted task."""
    return lambda task: messages.submitted(task, 730, site.claim)
