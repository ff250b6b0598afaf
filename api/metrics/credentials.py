"""The ops side's credentials as workers say them: how many days are left of each. Pure.

A part's row is read with care: a label says which credential it is, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api.metrics.queries import PartRow
from flows.common import expiry
from flows.common.standing import AWAY_SECONDS

_SECONDS_OF_A_DAY: Final = 86_400
_MOST: Final = 50
_KIND: Final = re.compile(r"[A-Za-z0-9 ]{1,60}")


@dataclass(frozen=True)
class Left:
    """A credential: how many days are left; None: nobody knows, or it is renewed by itself.

    One that is over is over, whoever was to renew it.
    """

    kind: str
    days: float | None
    is_usable: bool


def left(rows: Sequence[PartRow], at: datetime) -> list[Left]:
    """Each credential that a worker which is heard says; the worst that any of them says."""
    found: dict[str, Left] = {}
    for each in (
        each for row in rows if row.heard_seconds <= AWAY_SECONDS for each in _of(row, at)
    ):
        if (other := found.get(each.kind)) is not None:
            days = [days for days in (each.days, other.days) if days is not None]
            is_usable = each.is_usable and other.is_usable
            each = Left(each.kind, min(days, default=None), is_usable)  # noqa: PLW2901
        found[each.kind] = each
    return [found[kind] for kind in sorted(found)][:_MOST]


def _of(row: PartRow, at: datetime) -> Iterator[Left]:
    said = row.details.get("credentials")
    for each in said if isinstance(said, list) else ():
        if isinstance(each, dict) and _KIND.fullmatch(kind := str(each.get("kind"))):
            not_after = _time(each.get("not_after"))
            is_renewed = bool(each.get("is_renewed"))
            is_over = not_after is not None and not_after <= at
            ends = expiry.ends(not_after, at, is_renewed=is_renewed)
            yield Left(
                kind,
                _days(not_after, at) if ends else None,
                is_usable=each.get("problem") is None and not is_over,
            )


def _days(not_after: datetime | None, at: datetime) -> float | None:
    return None if not_after is None else (not_after - at).total_seconds() / _SECONDS_OF_A_DAY


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
