"""Until when the credentials of the ops side are good, for the pages.

The web tier may know neither them nor where they are: no row here holds a path. What reads them is
imported where one is set: it takes 10 MB of the worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from blocks.errors import OutsideUnavailable
from flows.common.outsides import BROKER, PANDA, RUCIO_LOGS, RUCIO_PRODUCED
from flows.common.settings import Settings
from flows.common.sources import Sources

if TYPE_CHECKING:
    from blocks.rucio_catalog.configuration import RucioConfiguration

_NO_TOKEN = "there is no token that may be used: sign in again"  # noqa: S105 - a sentence
_NOT_RENEWED: Final = (
    "it was to be renewed by itself and was not: see whether its issuer answers, else sign in again"
)
_NO_BLOCK: Final = "the block in Prefect that names it cannot be used"
_READ_SECONDS: Final = 60.0  # between two readings of the blocks, which are a call to Prefect

_Row = dict[str, Any]


class Credentials:
    """The credentials that the settings name, or the blocks that count instead of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sources = Sources(settings)
        self._read_at = time.monotonic()

    def rows(self) -> list[_Row]:
        """Those that expire, as rows.

        Each has its `kind`; `not_after`: when it expires, None where it cannot be read; `problem`:
        why it cannot be used, or None; `is_renewed`: whether that is done without anybody's doing,
        and was so far.
        """
        if time.monotonic() - self._read_at > _READ_SECONDS:
            self._sources, self._read_at = Sources(self._settings), time.monotonic()
        kinds = {
            "x509 proxy of the payload logs": self._of_logs,
            "x509 proxy of produced data": self._of_produced,
            "token of PanDA": self._of_panda,
            "Rucio token of the payload logs": self._of_logs_token,
            "Rucio token of produced data": self._of_produced_token,
            "certificate of the bridge": self._of_bridge,
        }
        return [row for kind, rows in kinds.items() for row in _known(kind, rows)]

    def _of_logs(self, kind: str) -> Iterator[_Row]:
        from flows.common import adapters  # noqa: PLC0415

        is_wanted, path = False, adapters.proxy_file(self._sources)
        if self._sources.has(RUCIO_LOGS):
            configured = adapters.rucio_logs(self._sources)
            path = configured.proxy_file or path
            is_wanted = configured.auth_type == "x509_proxy"
        yield from _of_proxy(kind, path, is_wanted=is_wanted)

    def _of_produced(self, kind: str) -> Iterator[_Row]:
        from flows.common import adapters  # noqa: PLC0415

        if self._sources.has(RUCIO_PRODUCED):
            configured = adapters.rucio_produced(self._sources)
            is_wanted = configured.auth_type == "x509_proxy"
            yield from _of_proxy(kind, configured.proxy_file, is_wanted=is_wanted)

    def _of_panda(self, kind: str) -> Iterator[_Row]:
        from flows.common import adapters  # noqa: PLC0415

        if self._sources.has(PANDA):
            configured = adapters.panda(self._sources)
            if configured.robot_client_id is None:
                # Every five minutes the states of tasks are asked for with a token that is renewed
                # where less than this and six minutes are left (flows/submission/tasks/common.py).
                late = timedelta(seconds=self._settings.submission.timeout_seconds)
                yield _of_token(kind, configured.config_root, late)

    def _of_logs_token(self, kind: str) -> Iterator[_Row]:
        from flows.common import adapters  # noqa: PLC0415

        if self._sources.has(RUCIO_LOGS):
            yield from _of_rucio_token(kind, adapters.rucio_logs(self._sources))

    def _of_produced_token(self, kind: str) -> Iterator[_Row]:
        from flows.common import adapters  # noqa: PLC0415

        if self._sources.has(RUCIO_PRODUCED):
            yield from _of_rucio_token(kind, adapters.rucio_produced(self._sources))

    def _of_bridge(self, kind: str) -> Iterator[_Row]:
        from blocks.message_broker.configuration import BrokerConfiguration  # noqa: PLC0415

        if self._settings.bus.is_used:
            configured = self._sources.configuration(BROKER, BrokerConfiguration)
            if configured.certificate_file is not None:
                yield _of_certificate(kind, configured.certificate_file)


def _known(kind: str, rows: Callable[[str], Iterator[_Row]]) -> Iterator[_Row]:
    try:
        yield from rows(kind)
    except OutsideUnavailable:  # the reason may name a path, which the web tier may not know
        yield _row(kind, problem=_NO_BLOCK)


def _of_proxy(kind: str, path: Path | None, *, is_wanted: bool) -> Iterator[_Row]:
    if path is not None:
        yield _of_proxy_file(kind, path)
    elif is_wanted:
        yield _row(kind, problem="none is set")


def _of_proxy_file(kind: str, path: Path) -> _Row:
    from blocks.x509_proxy import ProxyUnusable, good_proxy, read_proxy  # noqa: PLC0415

    not_after = None
    try:
        not_after = read_proxy(path).expires_at
        good_proxy(path)
    except ProxyUnusable as error:
        return _row(kind, not_after, problem=error.fact)
    return _row(kind, not_after)


def _of_token(kind: str, config_root: Path, late: timedelta) -> _Row:
    from blocks.panda_server.errors import TokenRefused  # noqa: PLC0415
    from blocks.panda_server.token_file import TokenFile  # noqa: PLC0415

    try:
        stored = TokenFile(config_root).read()
        identity = stored.identity()
    except TokenRefused:
        return _row(kind, problem=_NO_TOKEN)
    if stored.refresh_token is None:
        return _row(kind, identity.expires_at)
    if identity.expires_at - datetime.now(UTC) < late:
        return _row(kind, identity.expires_at, problem=_NOT_RENEWED)
    return _row(kind, identity.expires_at, is_renewed=True)


def _of_rucio_token(kind: str, configured: RucioConfiguration) -> Iterator[_Row]:
    """The token in a file that somebody else renews; when one that is no JWT ends, nobody knows."""
    if configured.auth_type != "token":
        return
    if configured.token_file is None:
        yield _row(kind, problem="none is set")
        return
    try:
        content = configured.token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        yield _row(kind, problem=f"cannot be read: {error.strerror}")
    except ValueError:
        yield _row(kind, problem="holds no text")
    else:
        if not content:
            yield _row(kind, problem="the file is empty")
        elif (not_after := _end_of_jwt(content)) is not None:
            yield _row(kind, not_after)


def _end_of_jwt(token: str) -> datetime | None:
    """When a JWT ends, which is not checked; None: it is none, or does not say."""
    import jwt  # noqa: PLC0415

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _of_certificate(kind: str, path: Path) -> _Row:
    from cryptography import x509  # noqa: PLC0415

    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        return _row(kind, problem=f"cannot be read: {error.strerror}")
    except ValueError:
        return _row(kind, problem="holds no certificate in PEM")
    return _row(kind, min(each.not_valid_after_utc for each in chain))


def _row(
    kind: str,
    not_after: datetime | None = None,
    *,
    problem: str | None = None,
    is_renewed: bool = False,
) -> _Row:
    return {
        "kind": kind,
        "not_after": not_after.isoformat() if not_after is not None else None,
        "problem": problem,
        "is_renewed": is_renewed,
    }
