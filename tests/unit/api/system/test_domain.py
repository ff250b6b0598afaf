"""Conditions of parts in words, and how all is in sentences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.system import domain
from api.system.domain import PartRow, credentials_of, is_published, is_usable, part_of
from api.system.views import CredentialView
from flows.common.models import PartKind
from flows.common.version import Version

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


def row(kind=PartKind.WORKER, **more):
    nothing = {"prefect_away_since": None, "wait_reasons": [], "details": {}, "is_heard": True}
    return PartRow(**{"kind": kind, "name": "w@here", "heard_at": NOW, **nothing, **more})


def reason(text, *, limit=None, seconds=60.0):
    return {"kind": "paused", "text": text, "action": None, "limit": limit, "seconds": seconds}


def test_a_worker_with_nothing_in_its_way_is_ready():
    part = part_of(row(wait_reasons=[reason("4 at a time", limit=4)]))
    assert (part.condition, part.is_good, part.reasons) == ("ready", True, [])


def test_a_worker_that_is_hindered_says_by_what_and_since_when():
    part = part_of(row(wait_reasons=[reason("the pool is paused"), {"of": "another version"}]))
    assert (part.condition, part.is_good, part.reasons) == (
        "hindered", False, ["the pool is paused"],
    )  # fmt: skip
    assert part.since == NOW - timedelta(seconds=60)


def test_what_a_silent_part_said_last_counts_no_more_but_that_it_ended():
    connected = {"condition": "connected", "text": "", "since": NOW.isoformat()}
    part = part_of(row(PartKind.BRIDGE, is_heard=False, details=connected))
    assert (part.condition, part.since, part.is_good) == ("away", NOW, False)
    ended = part_of(row(PartKind.BRIDGE, is_heard=False, details={"condition": "ended"}))
    assert ended.condition == "ended"


def test_a_part_of_other_code_is_named_with_since_when_while_it_is_heard(monkeypatch):
    monkeypatch.setattr(domain, "present", lambda: Version(package="1", commit="1a2b3c4d"))
    said = {"details": {"version": {"package": "1", "commit": "20ddccf6"}}, "started_at": NOW}
    part = part_of(row(**said))
    assert part.runs_other_code == (
        "it runs 20ddccf6 since 2026-06-01 09:00 UTC, and the web tier 1a2b3c4d: "
        "restart the older one"
    )
    same = {"details": {"version": {"package": "1", "commit": "1a2b3c4d"}}}
    for more in (said | {"is_heard": False}, same):
        assert part_of(row(**more)).runs_other_code == ""


@pytest.mark.parametrize("since", ["no time", None, 5, "2026-06-01T09:00:00"])
def test_a_time_that_cannot_be_read_is_none(since):
    details = {"condition": "stands_by", "since": since}
    part = part_of(row(PartKind.BRIDGE, details=details))
    assert (part.condition, part.since, part.is_good) == ("stands by", None, True)


@pytest.mark.parametrize("said", [None, "x", [1], [{"kind": 1}]])
def test_credentials_that_another_version_said_are_left_out(said):
    assert list(credentials_of(row(details={"credentials": said}))) == []


@pytest.mark.parametrize(
    ("hours", "problem", "is_renewed", "usable"),
    [
        (1, None, False, True), (-1, None, False, False), (-1, None, True, False),
        (1, None, True, True),
        (None, None, False, True), (1, "may be read by others", False, False),
    ],
)  # fmt: skip
def test_a_credential_is_usable_until_it_expires_whoever_was_to_renew_it(
    hours, problem, is_renewed, usable
):
    not_after = None if hours is None else NOW + timedelta(hours=hours)
    credential = CredentialView(
        kind="proxy",
        not_after=not_after,
        problem=problem,
        is_renewed=is_renewed,
        said_by="w@here",
        said_at=NOW,
    )
    assert is_usable(credential, NOW) is usable


@pytest.mark.parametrize(
    ("said", "published"),
    [([], True), ([True, False], True), ([False, False], False), ([None], True)],
)
def test_events_are_published_unless_every_bridge_says_that_it_does_not(said, published):
    bridges = [row(PartKind.BRIDGE, details={"publishes": each}) for each in said]
    assert is_published([row(), *bridges]) is published
