"""Who calls: a token, a user that a trusted proxy names, a page's reading cookie, or nobody.

The cookie is signed and only ever grants reading, so that no page of another site can write. The
token of a service of ours acts for the user whom it names; nobody else's does.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from api.http.errors import Rejection
from flows.common.database import now, transaction
from flows.common.models import ApiToken
from flows.common.settings import ApiSettings, BadSetting

COOKIE: Final = "prodops_reader"
NOT_PROVIDED: Final = "Authentication credentials were not provided."
INVALID: Final = "Invalid token."
_CACHE_SECONDS: Final = 5.0
_KEY_BYTES: Final = 20  # 40 hex digits, the form of the original's tokens


class Kind(StrEnum):
    """How a caller is known."""

    TOKEN = "token"  # noqa: S105
    PROXY = "proxy"
    COOKIE = "cookie"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        name: The user.
        kind: How the caller is known.
        service: The service whose token acts for the user; empty where none does.
    """

    name: str
    kind: Kind
    service: str = ""

    @property
    def may_write(self) -> bool:
        """Whether the caller may write: a cookie may not."""
        return self.kind in {Kind.TOKEN, Kind.PROXY}


NOBODY: Final = Caller("", Kind.NOBODY)


# ------------------------------------------------------------------ tokens


def hash_key(key: str) -> str:
    """What is kept of a key. It is random, so a plain hash cannot be guessed from."""
    return hashlib.sha256(key.encode()).hexdigest()


def create_token(session: Session, owner: str, note: str = "") -> str:
    """Make a token for `owner`; its key is returned once and never kept."""
    key = secrets.token_hex(_KEY_BYTES)
    session.add(ApiToken(owner=owner, note=note, key_hash=hash_key(key)))
    return key


def keep_token(session: Session, owner: str, key: str, note: str) -> None:
    """Make `key` a token of `owner`, and the only good one with that note."""
    wanted = hash_key(key)
    for token in session.scalars(select(ApiToken).where(ApiToken.owner == owner)):
        if token.note == note and token.key_hash != wanted and token.revoked_at is None:
            token.revoked_at = now()
    if not session.scalar(select(ApiToken.id).where(ApiToken.key_hash == wanted)):
        session.add(ApiToken(owner=owner, note=note, key_hash=wanted))


def list_tokens(session: Session) -> list[ApiToken]:
    """Every token, oldest first."""
    return list(session.scalars(select(ApiToken).order_by(ApiToken.id)))


def revoke_token(session: Session, token_id: int) -> ApiToken | None:
    """Revoke a token; None where there is none of that id."""
    token = session.get(ApiToken, token_id)
    if token is not None and token.revoked_at is None:
        token.revoked_at = now()
    return token


# ------------------------------------------------------------------ callers


class Gatekeeper:
    """Tells who calls, by the settings of this API process."""

    def __init__(
        self,
        engine: Engine,
        settings: ApiSettings,
        cookie_key: str,
        *,
        services: Collection[str] = (),
    ) -> None:
        self._engine = engine
        self._owners: dict[str, tuple[float, str | None]] = {}
        self._services = frozenset(services)
        self._settings = settings
        self._signer = URLSafeTimedSerializer(cookie_key, salt="prodops-reader")
        self._proxies = [ipaddress.ip_network(name) for name in settings.trusted_proxies]

    async def caller(self, connection: HTTPConnection) -> Caller:
        """Who calls.

        Raises:
            Rejection: 403, where a token was sent that is not good.
        """
        token = _token_of(connection)
        user = connection.headers.get("x-remote-user", "").strip()
        if token is not None:
            owner = await self._owner(token)
            if owner is None:
                raise Rejection(403, {"detail": INVALID})
            if owner in self._services:
                return Caller(user[:150] or owner, Kind.TOKEN, service=owner)
            return Caller(owner, Kind.TOKEN)
        if user and self._is_trusted(connection):
            return Caller(user[:150], Kind.PROXY)
        return self._cookie_caller(connection) or NOBODY

    async def reader(self, connection: HTTPConnection) -> Caller:
        """Who reads; anyone may where reads are open.

        Raises:
            Rejection: 403, where reads are closed and nobody is known.
        """
        caller = await self.caller(connection)
        if caller is NOBODY and not self._settings.has_open_reads:
            raise Rejection(403, {"detail": NOT_PROVIDED})
        return caller

    async def writer(self, connection: HTTPConnection) -> Caller:
        """Who writes.

        Raises:
            Rejection: 403, where nobody with that right is known.
        """
        caller = await self.caller(connection)
        if not caller.may_write:
            raise Rejection(403, {"detail": NOT_PROVIDED})
        return caller

    async def token_writer(self, connection: HTTPConnection) -> Caller:
        """Who writes where the contract wants a token: 401 names the scheme.

        Raises:
            Rejection: 401.
        """
        try:
            return await self.writer(connection)
        except Rejection as refusal:
            raise Rejection(401, refusal.body, {"WWW-Authenticate": "Token"}) from None

    async def listener(self, connection: HTTPConnection) -> Caller:
        """Who listens to the stream: 401 for all others, whatever they sent.

        Source: fastmon contract section 3.11.

        Raises:
            Rejection: 401.
        """
        try:
            caller = await self.caller(connection)
        except Rejection:
            caller = NOBODY
        if caller is NOBODY:
            raise Rejection(401, {"detail": NOT_PROVIDED})
        return caller

    def reading_cookie(self, name: str) -> str:
        """A cookie's value that lets a page read as `name`."""
        return str(self._signer.dumps(name))

    @property
    def cookie_seconds(self) -> int:
        """How long a cookie is good."""
        return int(self._settings.cookie_days * 86_400)

    async def _owner(self, key: str) -> str | None:
        """Whose the key is, remembered for a few seconds so that a busy caller costs no query."""
        digest = hash_key(key)
        moment, owner = self._owners.get(digest, (0.0, None))
        if time.monotonic() - moment > _CACHE_SECONDS:
            owner = await run_in_threadpool(self._look_up, digest)
            if len(self._owners) > 10_000:  # noqa: PLR2004 - a flood of wrong keys
                self._owners.clear()
            self._owners[digest] = (time.monotonic(), owner)
        return owner

    def _look_up(self, digest: str) -> str | None:
        good = select(ApiToken.owner).where(
            ApiToken.key_hash == digest, ApiToken.revoked_at.is_(None)
        )
        with transaction(self._engine) as session:
            return session.scalar(good)

    def _cookie_caller(self, connection: HTTPConnection) -> Caller | None:
        value = connection.cookies.get(COOKIE)
        if not value:
            return None
        try:
            name = self._signer.loads(value, max_age=self.cookie_seconds)
        except BadSignature:
            return None
        if name == VISITOR and not self._settings.has_open_reads:
            return None
        return Caller(name, Kind.COOKIE)

    def _is_trusted(self, connection: HTTPConnection) -> bool:
        if connection.client is None:
            return False
        try:
            peer = ipaddress.ip_address(connection.client.host)
        except ValueError:
            return False
        return any(peer in network for network in self._proxies)


VISITOR: Final = "visitor"


def read_cookie_key(path: Path | None) -> str:
    """The key that signs cookies; without a file, one that lasts as long as the process.

    Raises:
        BadSetting: The file cannot be read.
    """
    if path is None:
        return secrets.token_hex(32)
    try:
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(f"setting PRODOPS_API_COOKIE_KEY_FILE: {error}") from error


def _token_of(connection: HTTPConnection) -> str | None:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme == "Token" else None


def gatekeeper(connection: HTTPConnection) -> Gatekeeper:
    """The gatekeeper of the app that serves the connection."""
    keeper: Any = connection.app.state.gatekeeper
    assert isinstance(keeper, Gatekeeper)  # noqa: S101
    return keeper


# ------------------------------------------------------------------ what a route asks for


async def _reader(request: Request) -> Caller:
    return await gatekeeper(request).reader(request)


async def _writer(request: Request) -> Caller:
    return await gatekeeper(request).writer(request)


async def _token_writer(request: Request) -> Caller:
    return await gatekeeper(request).token_writer(request)


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]
TokenWriter = Annotated[Caller, Depends(_token_writer)]
"""A writer where the contract answers everybody else 401."""
