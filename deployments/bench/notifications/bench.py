"""Bench `notify`: a thousand events in a minute to a channel that is away for half of it."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Final

from sqlalchemy import select

from deployments.bench.common.figures import Report, at_most
from deployments.bench.common.stack import BenchStack, bench_stack, comes_true, say
from deployments.bench.notifications.sink import Sink
from flows.common import events
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.notifications.domain.words import ChannelKind, DeliveryState, What
from flows.notifications.models import Notification
from flows.notifications.repository import channels, wishes
from flows.notifications.schemas import RuleForm
from flows.submission import messages
from flows.submission.domain.remarks import Remark
from flows.submission.models import RemarkKind

_EVENTS: Final = 1000
_SECONDS: Final = 60.0
_AWAY: Final = (15.0, 45.0)
_A_MINUTE: Final = 20
_CALM_SECONDS: Final = 180.0
_TYPE: Final = "panda_task_remark"
_NAME: Final = re.compile(r"bench\.\d{4}")
_SETTINGS: Final = {
    "PRODOPS_NOTIFICATIONS_ALLOW_LOCAL_ADDRESSES": "true",
    "PRODOPS_NOTIFICATIONS_LONGEST_PAUSE_SECONDS": "5",
}


def run(*, a_minute: int = _A_MINUTE) -> Report:
    """Measure; a minute of events, and what the channel then still needs."""
    report = Report("notify")
    with Sink.listening() as sink, bench_stack(_SETTINGS) as running:
        _make_channel(running, sink, a_minute)
        _tell(running, sink)
        say(f"told; the channel has got {len(sink.taken)} messages; waiting for the rest")
        comes_true(lambda: not _waits(running), _CALM_SECONDS, every_seconds=1.0)
        told = _told(running, sink)
    times = [at for at, _ in sink.taken]
    busiest = max((sum(each <= at < each + _SECONDS for at in times) for each in times), default=0)
    report.add("lost", _EVENTS - len(told), at_most(0))
    report.add("doubled", sum(number > 1 for number in told.values()), at_most(0))
    report.add("messages", busiest, at_most(a_minute))
    report.add("messages_in_all", len(times))
    report.note(
        f"{_EVENTS} events in {_SECONDS:g} s to a channel of {a_minute} messages a minute, which "
        f"answers 503 from second {_AWAY[0]:g} to {_AWAY[1]:g}. An event counts as told where the "
        "channel took its own message, or the one summary that counts it; `messages`: the most in "
        "any minute."
    )
    return report


def _make_channel(running: BenchStack, sink: Sink, a_minute: int) -> None:
    file = running.stack.state_dir / "bench.url"
    file.write_text(f"json://127.0.0.1:{sink.port}/")
    file.chmod(0o600)
    with transaction(running.engine) as session:
        channels.add(session, "bench", ChannelKind.APPRISE, url_file=file, a_minute=a_minute)
        form = RuleForm(channel="bench", what=What.EVENT, name=_TYPE)
        wishes.save_rule(session, form, on_ops_side("bench"))


def _tell(running: BenchStack, sink: Sink) -> None:
    """Announce the events evenly over the minute, and take the channel away for its middle."""
    claim = _claim(running)
    began = time.monotonic()
    for number in range(_EVENTS):
        due = began + number * _SECONDS / _EVENTS
        time.sleep(max(0.0, due - time.monotonic()))
        sink.is_away = _AWAY[0] <= time.monotonic() - began < _AWAY[1]
        remark = Remark(RemarkKind.SET_ASIDE, f"bench.{number:04}", "", 1, "a remark")
        with transaction(running.engine) as session:
            events.commit(session, [messages.remarked(remark, claim)])
    sink.is_away = False
    say(f"{_EVENTS} events in {time.monotonic() - began:.1f} s")


def _claim(running: BenchStack) -> Claim:
    """An attempt at a request that is over, which the events belong to: only such are told."""
    with transaction(running.engine) as session:
        done = Request(
            action="bench", parameters={}, requested_by="bench", source="bench",
            state=RequestState.COMPLETED, finished_at=now(),
        )  # fmt: skip
        session.add(done)
        session.flush()
        return Claim(done.id, 1)


def _waits(running: BenchStack) -> bool:
    waiting = "SELECT count(*) FROM notification WHERE state IN ('pending', 'sending')"
    rows = "SELECT count(*) FROM notification WHERE what IS NOT NULL"
    return running.count(waiting) > 0 or running.count(rows) < _EVENTS


def _told(running: BenchStack, sink: Sink) -> Counter[str]:
    """How often the channel was told of each event: alone, or by a summary that it took."""
    titles = Counter(str(body["title"]) for _, body in sink.taken)
    told = Counter(
        name for title, number in titles.items() for name in _NAME.findall(title) * number
    )
    texts = Counter(str(body["message"]) for _, body in sink.taken)
    with transaction(running.engine) as session:
        held = select(Notification.subject, Notification.summary_id).where(
            Notification.state == DeliveryState.HELD
        )
        of_summary: dict[int, list[str]] = {}
        for subject, summary_id in session.execute(held):
            of_summary.setdefault(summary_id, []).append(subject)
    for summary_id, subjects in of_summary.items():
        link = re.compile(rf"summary={summary_id}\b")
        times = sum(number for text, number in texts.items() if link.search(text))
        told.update({subject: times for subject in subjects if times})
    return told
