"""Ends of credentials on a database: each is announced once for each number of days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from deployments.notifier.expiries import Expiries
from flows.common.database import transaction
from flows.common.models import Event, PartKind
from tests.support.system import beat

pytestmark = pytest.mark.integration

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
END = AT + timedelta(days=10)


def told(site) -> list[tuple[str, float, str | None]]:
    """What was announced: the credential, the days, whose it is."""
    rows = select(Event.payload).where(Event.msg_type == "credential_expires").order_by(Event.id)
    with transaction(site.engine) as session:
        return [
            (each["credential"], each["threshold_days"], each["owner"])
            for each in session.scalars(rows)
        ]


def test_an_end_is_told_once_at_7_3_and_1_days_and_when_it_has_come(site):
    row = {"kind": "x509 proxy", "problem": None, "is_renewed": False}
    beat(site.engine, PartKind.WORKER, credentials=[row | {"not_after": END.isoformat()}])
    for days in (0, 2, 3.5, 4, 6.9, 7.5, 9.5, 9.9, 10, 10.4):
        Expiries(site.engine).look(AT + timedelta(days=days))
    assert told(site) == [("x509 proxy", days, None) for days in (7, 3, 1, 0)]


def test_what_is_renewed_by_itself_is_told_when_it_is_over_and_a_new_end_is_told_anew(site):
    row = {"kind": "token of PanDA", "problem": None, "not_after": (AT + timedelta(hours=1))}
    for is_renewed, hours in ((True, 1), (False, 1), (False, 2), (True, -1)):
        until = (AT + timedelta(hours=hours)).isoformat()
        said = row | {"is_renewed": is_renewed, "not_after": until}
        beat(site.engine, PartKind.WORKER, credentials=[said])
        Expiries(site.engine).look(AT)
    assert told(site) == [*[("token of PanDA", 1, None)] * 2, ("token of PanDA", 0, None)]


def test_the_end_of_a_token_is_told_with_its_owner_and_that_of_a_revoked_one_is_not(site):
    insert = text(
        "INSERT INTO api_token (id, owner, note, key_hash, created_at, expires_at, revoked_at)"
        " OVERRIDING SYSTEM VALUE VALUES (:id, 'anna', 'secret note', :id, now(), :end, :revoked)"
    )
    with transaction(site.engine) as session:
        for number, days, revoked in ((71, 2, None), (72, 2, AT), (73, 30, None), (74, -3, None)):
            end = AT + timedelta(days=days)
            session.execute(insert, {"id": number, "end": end, "revoked": revoked})
    for _ in range(2):
        Expiries(site.engine).look(AT)
    assert told(site) == [("API token 71", 3, "anna")]
