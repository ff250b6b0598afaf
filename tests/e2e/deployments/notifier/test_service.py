"""A notifier as a process: killed at any step, it loses nothing and sends nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from flows.common import events
from flows.common.callers import on_ops_side
from flows.common.database import transaction
from flows.common.models import OpsPart, PartKind
from flows.notifications.domain.words import ChannelKind, DeliveryState, What
from flows.notifications.models import Notification, NotificationPosition
from flows.notifications.repository import channels, wishes
from flows.notifications.schemas import RuleForm
from flows.submission import messages
from flows.submission.domain.remarks import Remark
from flows.submission.models import RemarkKind
from tests.databases import Database
from tests.http_sink import Sink, http_sink
from tests.support import requests
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def sink() -> Iterator[Sink]:
    with http_sink() as found:
        yield found


def titles(sink: Sink) -> list[str]:
    return [body["title"] for body in sink.bodies]


@dataclass
class Site:
    """Notifiers on a database of their own."""

    database: Database
    directory: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "PRODOPS_STATE_DIR": str(self.directory),
            "PRODOPS_NOTIFICATIONS_ALLOW_LOCAL_ADDRESSES": "true",
            "PRODOPS_NOTIFICATIONS_TIMEOUT_SECONDS": "60",
        }
        started = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "notifier"],
            env=environment, cwd=self.directory, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(started)
        return started

    def tell(self, *tasks: str) -> None:
        claim = requests.over(self.database.ops_engine)
        with transaction(self.database.ops_engine) as session:
            events.commit(
                session,
                [
                    messages.remarked(Remark(RemarkKind.SET_ASIDE, task, "", 1, "said"), claim)
                    for task in tasks
                ],
            )

    def count(self, statement: Any) -> int:
        with transaction(self.database.ops_engine) as session:
            return session.scalar(statement) or 0

    def states(self) -> list[str]:
        with transaction(self.database.ops_engine) as session:
            return list(session.scalars(select(Notification.state).order_by(Notification.id)))


@pytest.fixture
def site(database: Database, tmp_path: Path, sink: Sink) -> Iterator[Site]:
    file = tmp_path / "url"
    file.write_text(f"json://127.0.0.1:{sink.port}/")
    file.chmod(0o600)
    with transaction(database.ops_engine) as session:
        channels.add(session, "chat", ChannelKind.APPRISE, url_file=file)
        form = RuleForm(channel="chat", what=What.EVENT, name="panda_task_remark")
        wishes.save_rule(session, form, on_ops_side("anna"))
    found = Site(database, tmp_path)
    yield found
    for process in found.processes:
        process.kill()
        process.wait()


def title(task: str) -> str:
    return f"panda_task_remark {task} shows something at PanDA"


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def works(site: Site) -> bool:
    return site.count(select(func.count()).select_from(NotificationPosition)) == 1


@pytest.mark.slow
def test_one_of_two_works_and_the_other_takes_over_from_the_middle_of_a_batch(site, sink):
    first = site.start()
    wait_until(lambda: works(site))
    second = site.start()
    with transaction(site.database.ops_engine) as session:
        session.execute(text("LOCK TABLE notification IN ACCESS EXCLUSIVE MODE"))
        site.tell("a", "b")
        blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: session.scalar(blocked))
        kill(first)
    wait_until(lambda: site.states() == [DeliveryState.SENT] * 2)
    assert sorted(titles(sink)) == [title("a"), title("b")]
    second.send_signal(signal.SIGTERM)
    assert second.wait() == 0
    parts = select(OpsPart.details).where(OpsPart.kind == PartKind.NOTIFIER)
    with transaction(site.database.ops_engine) as session:
        assert session.scalars(parts).one()["condition"] == "ended"


def test_what_was_being_handed_over_by_one_that_was_killed_is_unknown_and_sent_once(site, sink):
    sink.is_hanging = True
    first = site.start()
    wait_until(lambda: works(site))
    site.tell("a")
    wait_until(lambda: sink.bodies)
    kill(first)
    sink.is_hanging = False
    site.tell("b")
    site.start()
    wait_until(lambda: site.states() == [DeliveryState.UNKNOWN, DeliveryState.SENT])
    assert titles(sink) == [title("a"), title("b")]
