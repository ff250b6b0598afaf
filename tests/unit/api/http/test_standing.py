"""The strip's sentence: what hinders, since when, and what waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.http.standing import in_words
from flows.common.standing import MOST_COUNTED, Bridge, BridgeCondition, Standing
from flows.common.wait_reasons import WaitKind, WaitReason

AT = datetime(2026, 8, 10, 12, 30, tzinfo=UTC)
HEARD = AT - timedelta(seconds=3)
FINE = "The worker and Prefect answer."
UNDONE = "nothing that was asked for is done"
UNTAKEN = f"nothing new is taken, and {UNDONE}"
WAITING = "148 requests wait, the first since 12:25:00."
LATE = {"waiting": 148, "waiting_since": AT - timedelta(minutes=5), "waiting_seconds": 300}
SOON = {"waiting_since": AT, "waiting_seconds": 0.2}
NO_WORKER = {"is_worker_heard": False, "worker_heard_at": AT - timedelta(days=1)}
NO_PREFECT = {"prefect_away_since": AT - timedelta(minutes=2)}
REFUSED = WaitReason(
    kind=WaitKind.REGISTRATION,
    text="Prefect refuses to register the deployment x: HTTP 422",
    since=AT - timedelta(minutes=2),
)
GOOD = Standing(
    worker_heard_at=HEARD, relay_heard_at=HEARD, is_worker_heard=True, is_relay_heard=True,
    is_read_only=False, prefect_away_since=None, waiting=0, waiting_since=None,
    waiting_seconds=0, newest_request=7,
)  # fmt: skip

BRIDGE = Bridge(
    heard_at=HEARD, is_heard=True, condition=BridgeCondition.BROKER_AWAY,
    text="the broker b:61613 is silent", since=AT - timedelta(minutes=2),
)  # fmt: skip
WORKING = replace(BRIDGE, condition=BridgeCondition.CONNECTED, text="")
SPARE = replace(BRIDGE, condition=BridgeCondition.STANDS_BY)
SILENT = replace(BRIDGE, is_heard=False, heard_at=AT - timedelta(minutes=3))
WAITS = "what is sent there waits at the broker"

CASES = [
    (
        {"bridges": (BRIDGE, SPARE)},
        "away",
        f"The message bus is away since 12:28:00: {WAITS} ({BRIDGE.text}). Nothing waits.",
    ),
    (
        {"bridges": (SILENT,)},
        "away",
        f"The bridge to the message bus is away, last heard at 12:27:00: {WAITS}. Nothing waits.",
    ),
    ({"bridges": (SPARE, WORKING)}, "good", f"{FINE} Nothing waits."),
    (
        {"bridges": (replace(SILENT, condition=BridgeCondition.ENDED),)},
        "good",
        f"{FINE} Nothing waits.",
    ),
    ({}, "good", f"{FINE} Nothing waits."),
    (
        NO_WORKER | LATE,
        "away",
        f"The worker is away, last heard at 2026-08-09 12:30:00: {UNDONE}. {WAITING}",
    ),
    (
        NO_WORKER | {"worker_heard_at": None},
        "away",
        f"The worker was never heard: {UNDONE}. Nothing waits.",
    ),
    (
        NO_PREFECT | LATE,
        "away",
        f"Prefect has not answered since 12:28:00: no run starts. {WAITING}",
    ),
    (
        {"workers": ((REFUSED,), (REFUSED,))},
        "away",
        "Prefect refuses to register the deployment x: HTTP 422 (since 12:28:00). Nothing waits.",
    ),
    (
        {"is_relay_heard": False},
        "away",
        "The relay is away, last heard at 12:29:57: states of runs come late. Nothing waits.",
    ),
    (
        LATE | {"waiting": MOST_COUNTED + 1},
        "waiting",
        f"{FINE} More than 1\u202f000 requests wait, the first since 12:25:00.",
    ),
    (
        {"is_read_only": True} | LATE,
        "away",
        f"The database is read-only since 12:29:57: {UNTAKEN}. {WAITING}",
    ),
    (
        {"is_read_only": True} | NO_WORKER | NO_PREFECT | {"relay_heard_at": None},
        "away",
        f"The database is read-only since 2026-08-09 12:30:00: {UNTAKEN}. Nothing waits.",
    ),
    (
        {"is_read_only": True, "worker_heard_at": None, "relay_heard_at": None},
        "away",
        f"The database is read-only: {UNTAKEN}. Nothing waits.",
    ),
    (SOON | {"waiting": 2}, "good", f"{FINE} 2 requests wait, the first since 12:30:00."),
    (SOON | {"waiting": 1}, "good", f"{FINE} 1 request waits since 12:30:00."),
]


@pytest.mark.parametrize(("changed", "state", "text"), CASES)
def test_the_sentence_says_what_hinders_and_since_when(changed, state, text):
    words = in_words(replace(GOOD, **changed), at=AT)
    assert (words.state, words.text) == (state, text)


def test_a_database_without_room_is_said_since_it_first_refused():
    words = in_words(replace(GOOD, **LATE), at=AT, full_since=AT - timedelta(minutes=1))
    said = f"The database has no room left since 12:29:00: {UNTAKEN}. {WAITING}"
    assert (words.state, words.text) == ("away", said)
