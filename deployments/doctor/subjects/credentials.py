"""The credentials: whose each file is, who may read it, of what kind it is, how long it is good.

What is in a file is looked at and never shown.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from deployments.doctor.findings import Check, Finding, ok, problem, skipped, warning
from deployments.doctor.site import Side, Site
from deployments.os_user import name_of
from deployments.worker.expiry import Credentials
from flows.common import expiry
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import Settings
from flows.notifications.repository import expiry as notices

_MOST_BYTES: Final = 64 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LIBPQ: Final = re.compile(r"(?:[^:\\]|\\.)*(?::(?:[^:\\]|\\.)*){4}")
_JWT: Final = re.compile(r"[\w\-]+\.[\w\-]+\.[\w\-]*")
_RENEW: Final = "renew it in time"


class Kind(StrEnum):
    """What a file of credentials holds."""

    PEM = "certificates or keys in PEM"
    JSON = "JSON"
    PASSFILE = "lines of a libpq password file"
    JWT = "a JSON web token"
    LOGIN = "USER:PASSWORD"
    WORD = "one word"
    TEXT = "text of several words or lines"
    EMPTY = "nothing"
    BINARY = "no text"


_WORDS: Final = frozenset({Kind.WORD, Kind.JWT})


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A file that holds a credential.

    Attributes:
        name: What it is, in words.
        setting: The setting that names it.
        kinds: What it may hold.
        advice: How another one is made.
    """

    name: str
    path: Path
    setting: str
    kinds: frozenset[Kind]
    advice: str


# ------------------------------------------------------------------ files


def _files(site: Site) -> Iterator[Finding]:
    found = list(secrets_of(site.settings, site.side))
    if not found:
        yield skipped("no setting names a file of credentials")
    for each in found:
        yield of_file(each)


def secrets_of(configured: Settings, side: Side) -> Iterator[Secret]:
    """The files of credentials that the settings of a side name."""
    if (path := configured.database.passfile) is not None:
        yield Secret(
            name="database password",
            path=path,
            setting="PRODOPS_DATABASE_PASSFILE",
            kinds=frozenset({Kind.PASSFILE}),
            advice="write HOST:PORT:DATABASE:ROLE:PASSWORD into it",
        )
    if side is Side.WEB:
        yield from _named(configured, _OF_WEB)
        return
    yield from _named(configured, _OF_OPS)
    if configured.panda.url_ssl is not None and configured.panda.robot_client_id is None:
        yield Secret(
            name="PanDA token",
            path=configured.panda.config_root / ".token",
            setting="PRODOPS_PANDA_CONFIG_ROOT",
            kinds=frozenset({Kind.JSON}),
            advice="sign in again: docs/how-to/renew-the-panda-token.md",
        )


_Row = tuple[str, str, str, str, frozenset[Kind], str]
_PEM: Final = frozenset({Kind.PEM})
_OF_WEB: Final[tuple[_Row, ...]] = (
    (
        "cookie key", "api", "cookie_key_file", "PRODOPS_API_COOKIE_KEY_FILE", _WORDS,
        "`openssl rand -hex 32` makes one",
    ),
)  # fmt: skip
_OF_OPS: Final[tuple[_Row, ...]] = (
    (
        "Prefect password", "prefect", "password_file", "PRODOPS_PREFECT_PASSWORD_FILE",
        frozenset({Kind.LOGIN}), "write admin:PASSWORD of Prefect's API into it",
    ),
    (
        "PCS token", "pcs", "token_file", "PRODOPS_PCS_TOKEN_FILE", _WORDS,
        "`prodops token create prodops` makes one",
    ),
    (
        "canary's token", "canary", "token_file", "PRODOPS_CANARY_TOKEN_FILE", _WORDS,
        "`prodops token create prodops-canary --scope message --scope operate --only` makes one",
    ),
    (
        "x509 proxy of the payload logs", "rucio_logs", "proxy_file",
        "PRODOPS_RUCIO_LOGS_PROXY_FILE", _PEM, "make it anew with voms-proxy-init",
    ),
    (
        "x509 proxy of produced data", "rucio_produced", "proxy_file",
        "PRODOPS_RUCIO_PRODUCED_PROXY_FILE", _PEM, "make it anew with voms-proxy-init",
    ),
    (
        "Rucio password of the payload logs", "rucio_logs", "password_file",
        "PRODOPS_RUCIO_LOGS_PASSWORD_FILE", _WORDS, "write the account's password into it",
    ),
    (
        "Rucio password of produced data", "rucio_produced", "password_file",
        "PRODOPS_RUCIO_PRODUCED_PASSWORD_FILE", _WORDS, "write the account's password into it",
    ),
    (
        "Rucio token of the payload logs", "rucio_logs", "token_file",
        "PRODOPS_RUCIO_LOGS_TOKEN_FILE", _WORDS, "write a token of Rucio's into it",
    ),
    (
        "Rucio token of produced data", "rucio_produced", "token_file",
        "PRODOPS_RUCIO_PRODUCED_TOKEN_FILE", _WORDS, "write a token of Rucio's into it",
    ),
    (
        "PanDA robot's secret", "panda", "robot_secret_file", "PRODOPS_PANDA_ROBOT_SECRET_FILE",
        _WORDS, "write the robot account's client secret into it",
    ),
    (
        "broker login", "bus", "login_file", "PRODOPS_BUS_LOGIN_FILE", frozenset({Kind.LOGIN}),
        "write USER:PASSWORD of the broker into it",
    ),
    (
        "broker key", "bus", "key_file", "PRODOPS_BUS_KEY_FILE", _PEM,
        "put the key of the bridge's certificate there",
    ),
)  # fmt: skip


def _named(configured: Settings, rows: tuple[_Row, ...]) -> Iterator[Secret]:
    for name, group, field, setting, kinds, advice in rows:
        path = getattr(getattr(configured, group), field)
        if path is not None:
            yield Secret(name=name, path=path, setting=setting, kinds=kinds, advice=advice)


def of_file(secret: Secret) -> Finding:
    """How the file of a credential is: there, ours, private, and of its kind."""
    path, about = secret.path, secret.name
    try:
        status = path.stat()
        with path.open("rb") as file:
            found = kind_of(file.read(_MOST_BYTES))
    except OSError as error:
        advice = f"{secret.advice}; {secret.setting} names it"
        return problem(f"{path} cannot be read: {error.strerror}", advice, about=about)
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS:
        text = f"{path} has mode {mode:04o}: others than its owner may use it"
        return problem(
            text, f"chmod 600 {path}, and renew it if others may have read it", about=about
        )
    if found not in secret.kinds:
        expected = " or ".join(sorted(secret.kinds))
        text = f"{path} holds {found}, and not {expected}"
        return problem(text, f"{secret.advice}; {secret.setting} names it", about=about)
    if status.st_uid != os.geteuid():
        owner = name_of(status.st_uid)
        return warning(
            f"{path} is {owner}'s", "chown it to the user that runs the parts", about=about
        )
    return ok(f"{path}, mode {mode:04o}, holds {found}", about=about)


def kind_of(content: bytes) -> Kind:
    """What the begin of a file of credentials is, whatever its name says."""
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        return Kind.BINARY
    if not text:
        return Kind.EMPTY
    if "-----BEGIN " in text:
        return Kind.PEM
    if text.startswith("{"):
        return Kind.JSON if _is_json(text) else Kind.TEXT
    lines = [each for each in text.splitlines() if each and not each.startswith("#")]
    if lines and all(_LIBPQ.fullmatch(each) for each in lines):
        return Kind.PASSFILE
    return _of_words(text)


def _of_words(text: str) -> Kind:
    if len(text.split()) > 1:
        return Kind.TEXT
    if text.startswith("ey") and _JWT.fullmatch(text):
        return Kind.JWT
    return Kind.LOGIN if ":" in text else Kind.WORD


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# ------------------------------------------------------------------ ends


def _ends(site: Site) -> Iterator[Finding]:
    rows = [*Credentials(site.settings).rows(), *_tokens(site)]
    if not rows:
        yield skipped("no credential that ends is configured")
    for each in rows:
        yield of_end(each, site)


def _tokens(site: Site) -> list[dict[str, Any]]:
    """The tokens of the API that soon end, in the form of what a worker says of its own."""
    days = max(site.settings.notifications.expiry_days, default=0.0)
    try:
        with site.session() as session:
            found = notices.tokens(session, site.clock(), within_days=days)
    except DatabaseUnavailable:  # which its own check says
        return []
    return [
        {
            "kind": f"{each.credential} of {each.owner}",
            "not_after": each.not_after.isoformat(),
            "problem": None,
            "is_renewed": False,
        }
        for each in found
    ]


def of_end(row: dict[str, Any], site: Site) -> Finding:
    """How near the end of a credential is, of which a worker would say the same."""
    about, at = str(row["kind"]), site.clock()
    if row["problem"] is not None:
        return problem(str(row["problem"]), "make it anew, or correct its setting", about=about)
    if row["not_after"] is None:
        return ok("it does not end", about=about)
    not_after = datetime.fromisoformat(row["not_after"])
    text = expiry.in_words(not_after, at)
    if row["is_renewed"] and not_after > at:
        return ok(f"{text}, and is renewed by itself", about=about)
    nearest = expiry.crossed(not_after, at, site.settings.notifications.expiry_days)
    if nearest is None:
        return ok(text, about=about)
    if nearest == expiry.EXPIRED:
        return problem(text, "renew it now: what needs it fails", about=about)
    return warning(text, _RENEW, about=about)


CHECKS = (
    Check(
        name="credentials",
        summary="whose the files of credentials are, who may read them, of what kind they are",
        look=_files,
        needs=("settings",),
    ),
    Check(
        name="expiry",
        summary="how long proxies, tokens and certificates are good",
        look=_ends,
        needs=("settings",),
        is_for_ops=True,
    ),
)
