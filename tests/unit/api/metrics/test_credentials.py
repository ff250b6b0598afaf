"""How many days credentials are good for, by what workers say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.metrics.credentials import Left, left
from api.metrics.queries import PartRow

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def worker(*credentials, heard_seconds=1.0):
    return PartRow(
        kind="worker", name="w", heard_seconds=heard_seconds, restarts=0, started=None,
        prefect_away_seconds=0.0, details={"credentials": list(credentials)},
    )  # fmt: skip


def credential(days=None, **more):
    not_after = None if days is None else (NOW + timedelta(days=days)).isoformat()
    return {"kind": "token of PanDA", "not_after": not_after, "problem": None, **more}


def test_the_worst_that_any_worker_says_counts():
    rows = [worker(credential(9)), worker(credential(2)), worker(credential(0), heard_seconds=99)]
    assert left(rows, NOW) == [Left("token of PanDA", 2.0, is_usable=True)]


def test_one_that_is_renewed_by_itself_has_no_days_until_it_is_over():
    rows = [worker(credential(0.01, is_renewed=True))]
    assert left(rows, NOW) == [Left("token of PanDA", None, is_usable=True)]
    rows = [worker(credential(-1, is_renewed=True))]
    assert left(rows, NOW) == [Left("token of PanDA", -1.0, is_usable=False)]


def test_one_that_is_over_or_has_a_problem_cannot_be_used():
    assert not left([worker(credential(-1))], NOW)[0].is_usable
    assert not left([worker(credential(problem="none is set"))], NOW)[0].is_usable


def test_what_is_no_credential_is_left_out():
    odd = [None, 7, {"kind": "/etc/secret.pem"}, {"kind": "x" * 61}, {}]
    assert left([worker(*odd[:4])], NOW) == []
