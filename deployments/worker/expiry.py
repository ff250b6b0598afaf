"""Until when the credentials of the ops side are good, for the pages.

The web tier may know neither them nor where they are: no row here holds a path. What reads them is
imported where one is set: it takes 10 MB of the worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.common.settings import Settings
from flows.common.settings.production import PandaSettings
from flows.common.settings.storage import RucioSettings

_NO_TOKEN = "there is no token that may be used: sign in again"  # noqa: S105 - a sentence


def of_credentials(settings: Settings) -> list[dict[str, Any]]:
    """The credentials that are set and expire, as rows.

    Each has its `kind`; `not_after`: when it expires, None where it cannot be read; `problem`: why
    it cannot be used, or None; `is_renewed`: whether that is done without anybody's doing.
    """
    return list(_rows(settings))


def _rows(settings: Settings) -> Iterator[dict[str, Any]]:
    yield from _of_rucio("x509 proxy of the payload logs", settings.rucio_logs)
    yield from _of_rucio("x509 proxy of produced data", settings.rucio_produced)
    if settings.panda.url_ssl is not None and settings.panda.robot_client_id is None:
        yield _of_panda(settings.panda)
    if settings.bus.is_used and settings.bus.certificate_file is not None:
        yield _of_certificate("certificate of the bridge", settings.bus.certificate_file)


def _of_rucio(kind: str, configured: RucioSettings) -> Iterator[dict[str, Any]]:
    if configured.proxy_file is not None:
        yield _of_proxy(kind, configured.proxy_file)
    elif configured.url is not None and configured.auth_type == "x509_proxy":
        yield _row(kind, problem="none is set")


def _of_proxy(kind: str, path: Path) -> dict[str, Any]:
    from blocks.x509_proxy import ProxyUnusable, good_proxy, read_proxy  # noqa: PLC0415

    not_after = None
    try:
        not_after = read_proxy(path).expires_at
        good_proxy(path)
    except ProxyUnusable as error:
        return _row(kind, not_after, problem=error.fact)
    return _row(kind, not_after)


def _of_panda(configured: PandaSettings) -> dict[str, Any]:
    from blocks.panda_server.errors import TokenRefused  # noqa: PLC0415
    from blocks.panda_server.token_file import TokenFile  # noqa: PLC0415

    kind = "token of PanDA"
    try:
        stored = TokenFile(configured.config_root).read()
        identity = stored.identity()
    except TokenRefused:
        return _row(kind, problem=_NO_TOKEN)
    return _row(kind, identity.expires_at, is_renewed=stored.refresh_token is not None)


def _of_certificate(kind: str, path: Path) -> dict[str, Any]:
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
) -> dict[str, Any]:
    return {
        "kind": kind,
        "not_after": not_after.isoformat() if not_after is not None else None,
        "problem": problem,
        "is_renewed": is_renewed,
    }
