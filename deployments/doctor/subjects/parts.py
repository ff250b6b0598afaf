"""The parts: whether each is heard, and runs the same code as the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from blocks.monitor_api.actions import ActionApi
from blocks.monitor_api.errors import RequestRefused
from deployments import version
from deployments.doctor.findings import Check, Finding, ok, problem, warning
from deployments.doctor.site import Side, Site
from deployments.stack.environment import monitor_url
from flows.common.models import PartKind
from flows.common.standing import AWAY_SECONDS
from flows.common.version import Version

_PARTS: Final = text("""
    SELECT kind, name, heard_at, heard_at >= now() - make_interval(secs => :away) AS is_heard,
           prefect_away_since, started_at, details
    FROM ops_part ORDER BY kind DESC, heard_at DESC
""")
_COMMANDS: Final = {
    PartKind.WORKER: "prodops worker",
    PartKind.RELAY: "prodops relay",
    PartKind.NOTIFIER: "prodops notifier",
    PartKind.BRIDGE: "prodops bridge",
    PartKind.SCANNER: "prodops scanner",
}
_ASKS_FOR_TOKEN: Final = frozenset({401, 403})
_RESTART: Final = "restart it, so that all parts run the same code"


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a part said of itself last."""

    kind: str
    name: str
    heard_at: datetime
    is_heard: bool
    prefect_away_since: datetime | None
    started_at: datetime | None
    details: dict[str, Any]

    @property
    def version(self) -> Version | None:
        """The code that it runs; None: it is too old to say."""
        return Version.of_row(self.details.get(version.KEY))


def read(session: Session) -> list[Part]:
    """Every part that was ever heard, of each kind the newest first."""
    rows = session.execute(_PARTS, {"away": AWAY_SECONDS}).mappings()
    return [Part(**row) for row in rows]


def wanted(site: Site) -> list[PartKind]:
    """The kinds of parts that are to run, by the settings."""
    kinds = [PartKind.WORKER, PartKind.RELAY, PartKind.NOTIFIER]
    kinds += [PartKind.BRIDGE] if site.settings.bus.is_used else []
    return [*kinds, PartKind.SCANNER] if site.settings.fastmon.watch_dirs else kinds


def _heard(site: Site) -> Iterator[Finding]:
    with site.session() as session:
        parts = read(session)
    for kind in wanted(site):
        yield from _of_kind(kind, [each for each in parts if each.kind == kind])


def _of_kind(kind: PartKind, parts: Sequence[Part]) -> Iterator[Finding]:
    alive = [each for each in parts if each.is_heard]
    start = f"start it: `{_COMMANDS[kind]}`, its unit, or `prodops up`; its log says why it ended"
    if not parts:
        yield problem("none was ever heard", start, about=kind.value)
    elif not alive:
        last = f"{parts[0].heard_at:%Y-%m-%d %H:%M:%S} UTC"
        yield problem(f"{parts[0].name} was last heard at {last}", start, about=kind.value)
    for each in alive:
        if each.prefect_away_since is not None:
            since = f"{each.prefect_away_since:%Y-%m-%d %H:%M:%S} UTC"
            text = f"{each.name} is heard, but Prefect has not answered it since {since}"
            yield problem(text, "see the check `prefect`, made as that part's user", about=kind)
        else:
            yield ok(f"{each.name} is heard", about=kind.value)


# ------------------------------------------------------------------ versions


def _versions(site: Site) -> Iterator[Finding]:
    ours = version.own()
    with site.session() as session:
        parts = [each for each in read(session) if each.is_heard]
    for each in parts:
        yield compared(each.kind, each.version, ours, since=each.started_at)


def compared(
    kind: str, theirs: Version | None, ours: Version, *, since: datetime | None = None
) -> Finding:
    """Whether a part runs the code that is installed here."""
    at = "" if since is None else f" since {since:%Y-%m-%d %H:%M} UTC"
    if theirs is None:
        return warning(f"it runs a version{at} that does not say which it is", _RESTART, about=kind)
    if theirs.is_same_code(ours):
        return ok(f"it runs {theirs}{at}", about=kind)
    text = f"it runs {theirs}{at}, and {ours} is installed here"
    if theirs.schema and theirs.schema != ours.schema:
        return problem(f"{text}, with another schema", _RESTART, about=kind)
    return warning(text, _RESTART, about=kind)


def _web(site: Site) -> Iterator[Finding]:
    url, ours, token = monitor_url(site.settings), version.own(), _token(site)
    try:
        with ActionApi(url, token, timeout_seconds=site.timeout_seconds / 2) as api:
            said = api.get("/api/system/")
    except ProdOpsError as error:
        if token is None and isinstance(error, RequestRefused) and error.status in _ASKS_FOR_TOKEN:
            yield ok(f"{url} answers, and says more to whoever has a token")
            return
        advice = "start it (`prodops api`, its unit, or `prodops up`), or correct SWF_MONITOR_URL"
        yield problem(f"{url}: {error}", advice)
        return
    theirs = Version.of_row(said.get("version"))
    yield ok(f"{url} answers") if theirs is None else compared("", theirs, ours)


def _token(site: Site) -> str | None:
    """A token that may read, where one is at hand: the web tier may ask everybody for one."""
    path = site.settings.canary.token_file or site.settings.pcs.token_file
    if site.side is Side.OPS and path is not None:
        with suppress(OSError):  # the check of the credentials says it
            return path.read_text().strip()
    return site.settings.api.token


CHECKS = (
    Check(
        name="parts",
        summary="whether worker, relay, notifier, bridge and scanner are heard",
        look=_heard,
        needs=("schema",),
    ),
    Check(
        name="versions",
        summary="whether the parts run the code that is installed here",
        look=_versions,
        needs=("schema",),
    ),
    Check(
        name="web",
        summary="whether the web tier answers, and runs the code that is installed here",
        look=_web,
        needs=("settings",),
    ),
)
