"""The condition of a part in words, and how all is in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import ValidationError

from api.http.standing import OpsStanding
from api.http.wording import count
from api.system.views import CredentialView, EditView, PartView, VersionView
from flows.common.models import PartKind
from flows.common.version import Version, present
from flows.common.wait_reasons import WaitReason

State = Literal["good", "waiting", "away"]
EXPIRES_SOON: Final = timedelta(days=1)
_GOOD: Final = frozenset({"ready", "connected", "stands by"})


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """What a part said last; `is_heard` by the database's clock."""

    kind: PartKind
    name: str
    heard_at: datetime
    is_heard: bool
    prefect_away_since: datetime | None
    wait_reasons: Sequence[Mapping[str, Any]]
    details: Mapping[str, Any]
    started_at: datetime | None = None

    @property
    def version(self) -> Version | None:
        """The code that it runs; None: it does not say."""
        return Version.of_row(self.details.get("version"))


# ------------------------------------------------------------------ one part


def part_of(row: PartRow) -> PartView:
    """The part, with its condition; one that is away has said nothing of that."""
    said = _said(row)
    condition, since, reasons = said
    if not row.is_heard and condition != "ended":
        condition, since, reasons = "away", row.heard_at, []
    return PartView(
        kind=row.kind,
        name=row.name,
        heard_at=row.heard_at,
        is_heard=row.is_heard,
        condition=condition,
        is_good=condition in _GOOD,
        since=since,
        reasons=reasons,
        broker=_text(row.details.get("broker")) or None,
        version=None if row.version is None else view_of(row.version),
        runs_other_code=difference_of(row, present()) if row.is_heard else "",
    )


def view_of(version: Version) -> VersionView:
    """The code of a part, as it is shown."""
    return VersionView(package=version.package, commit=version.commit)


def difference_of(row: PartRow, ours: Version) -> str:
    """What to do where a part does not run the web tier's code; empty where it does."""
    if row.version is not None and row.version.is_same_code(ours):
        return ""
    theirs = "a version that does not say which it is" if row.version is None else str(row.version)
    since = f" since {row.started_at:%Y-%m-%d %H:%M} UTC" if row.started_at is not None else ""
    return f"it runs {theirs}{since}, and the web tier {ours}: restart the older one"


def _said(row: PartRow) -> tuple[str, datetime | None, list[str]]:
    """The condition, since when, and the reasons."""
    if row.prefect_away_since is not None:
        return "Prefect away", row.prefect_away_since, []
    if condition := _text(row.details.get("condition")):
        reasons = [text for text in [_text(row.details.get("text"))] if text]
        return condition.replace("_", " "), _time(row.details.get("since")), reasons
    hindrances = list(_hindrances(row))
    since = min((each.since for each in hindrances if each.since), default=None)
    return ("hindered" if hindrances else "ready"), since, [each.text for each in hindrances]


def _hindrances(row: PartRow) -> Iterator[WaitReason]:
    """What keeps a worker from working; a ceiling is no hindrance until so many are at work."""
    for said in row.wait_reasons:
        with suppress(KeyError, TypeError, ValueError):  # of a worker of another version
            reason = WaitReason.of_row(dict(said), row.heard_at)
            if reason.limit is None:
                yield reason


def is_published(rows: Sequence[PartRow]) -> bool:
    """Whether events go to the topic, unless every bridge says that it publishes none."""
    bridges = [each for each in rows if each.kind is PartKind.BRIDGE]
    return not bridges or any(each.details.get("publishes") is not False for each in bridges)


def credentials_of(row: PartRow) -> Iterator[CredentialView]:
    """The credentials of which a worker has said until when they are good."""
    said = row.details.get("credentials")
    for each in said if isinstance(said, list) else ():
        with suppress(ValidationError, TypeError):  # of a worker of another version
            yield CredentialView(**each, said_by=row.name, said_at=row.heard_at)


def edits_of(rows: Sequence[PartRow]) -> list[EditView]:
    """What was edited in Prefect, as the workers that are heard say; each once."""
    found: dict[tuple[str, str], EditView] = {}
    for said in (row.details.get("edits") for row in rows if row.is_heard):
        for each in said if isinstance(said, list) else ():
            with suppress(ValidationError, TypeError):  # of a worker of another version
                edit = EditView(**each)
                found[edit.deployment, edit.part] = edit
    return [found[key] for key in sorted(found)]


def _time(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


# ------------------------------------------------------------------ all of it


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What the sentences are about."""

    ops_side: OpsStanding
    credentials: Sequence[CredentialView]
    conflicts: int
    set_aside: int


def in_words(found: Whole, at: datetime) -> tuple[State, str]:
    """How all is, in sentences: what is away first."""
    expired = [each for each in found.credentials if not is_usable(each, at)]
    sentences = [found.ops_side.text]
    sentences += [f"The {each.kind} cannot be used." for each in expired]
    if found.conflicts:
        sentences.append(
            _number(found.conflicts, "agent's name is", "agents' names are", "in use on two hosts.")
        )
    if found.set_aside:
        sentences.append(_number(found.set_aside, "message is", "messages are", "set aside."))
    state: State = found.ops_side.state
    if state == "good" and len(sentences) > 1:
        state = "waiting"
    return state, " ".join(sentences)


def is_usable(credential: CredentialView, at: datetime) -> bool:
    """Whether the credential is good: one that is over is not, whoever was to renew it."""
    if credential.problem is not None:
        return False
    return credential.not_after is None or credential.not_after > at


def _number(number: int, one: str, many: str, rest: str) -> str:
    return f"{count(number)} {one if number == 1 else many} {rest}"
