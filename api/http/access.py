"""Who calls: a token, a browser's session, a user that a trusted proxy names, or nobody.

What a caller may do, the database says (`flows/common/access.py`); it is remembered for a few
seconds. A write of a session or of a proxied user has to come as `application/json`, which a page
of another site cannot send, and which a proxy that drops all other headers lets through.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import Engine
from starlette.requests import HTTPConnection

from api.http import proxies
from api.http.errors import Rejection
from api.http.sessions import Reserve
from blocks.errors import OutsideUnavailable
from flows.common import access
from flows.common.callers import NOBODY, VISITOR, Caller, Means, Proof, Scope
from flows.common.database import transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import ApiSettings, BadSetting

SESSION_COOKIE: Final = "prodops_session"
VISITOR_COOKIE: Final = "prodops_reader"
JSON: Final = "application/json"
NOT_PROVIDED: Final = "Authentication credentials were not provided."
INVALID: Final = "Invalid token."
_NO_SIGN: Final = (
    f"Send this with Content-Type: {JSON}, also without a body: it shows that no other site's "
    "page sends it."
)
_TWICE: Final = "X-Remote-User came more than once: the proxy must replace what it is sent."
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_SCHEMES: Final = frozenset({"token", "bearer"})
_CACHE_SECONDS: Final = 5.0
_MOST_KNOWN: Final = 10_000  # then all are asked for again: a flood of wrong keys
_LONGEST_NAME: Final = 150
_SCRAPER_SECONDS: Final = 2.0


class Gatekeeper:
    """Tells who calls, by the settings of this API process and what the database knows."""

    def __init__(self, reserve: Reserve, settings: ApiSettings, cookie_key: str) -> None:
        self._reserve = reserve  # readers must not keep a sender from being known
        self._known: dict[str, tuple[float, Caller | None]] = {}
        self._settings = settings
        self._signer = URLSafeTimedSerializer(cookie_key, salt="prodops-reader")

    async def caller(self, connection: HTTPConnection) -> Caller:
        """Who calls.

        Raises:
            Rejection: 403, where a token was sent that is not good; 400, where two users are named.
        """
        key = _key_of(connection)
        user = _user_of(connection)
        if key is not None:
            found = await self._look_up(Proof(means=Means.TOKEN, value=key))
            if found is None:
                raise Rejection(403, {"detail": INVALID})
            return found.speaking_for(user) if found.service else found
        if user and proxies.is_trusted(connection, self._settings.trusted_proxies):
            return await self._look_up(Proof(means=Means.PROXY, value=user)) or NOBODY
        return await self._browser(connection)

    async def reader(self, connection: HTTPConnection) -> Caller:
        """Who reads; anyone may where reads are open.

        Raises:
            Rejection: 403, where reads are closed and nobody is known.
            ScopeMissing: The caller may not even read.
        """
        caller = await self.caller(connection)
        if self._settings.has_open_reads:
            return caller
        if not caller.is_known:
            raise Rejection(403, {"detail": NOT_PROVIDED})
        caller.require(Scope.READ, "Reading")
        return caller

    async def scraper(self, connection: HTTPConnection) -> Caller:
        """Who scrapes metrics, as :meth:`reader`; while the database is away, who was known is.

        Raises:
            Rejection, ScopeMissing: As :meth:`reader`.
            DatabaseUnavailable: Nobody knows the token, which was not shown before.
        """
        if self._settings.has_open_reads:
            return NOBODY
        looking = asyncio.ensure_future(self.reader(connection))
        await asyncio.wait([looking], timeout=_SCRAPER_SECONDS)
        if looking.done() and not isinstance(looking.exception(), OutsideUnavailable):
            return looking.result()
        looking.cancel()
        key = _key_of(connection)
        known = self._known.get(_digest(Proof(means=Means.TOKEN, value=key or "")))
        if known is None or known[1] is None:
            raise DatabaseUnavailable("the database does not say now whose the token is")
        known[1].require(Scope.READ, "Reading")
        return known[1]

    async def writer(self, connection: HTTPConnection, scope: Scope, *, nobody: int) -> Caller:
        """Who writes.

        Args:
            connection: What comes.
            scope: What it takes at least.
            nobody: The status where nobody is known; 401 names the scheme.

        Raises:
            Rejection: Nobody is known; or 415, where the sign is missing that it is our own page's.
            ScopeMissing: The caller has not the scope.
        """
        try:
            caller = await self.caller(connection)
        except Rejection as refusal:
            raise refusal if refusal.status != 403 else _unknown(refusal.body, nobody) from None  # noqa: PLR2004
        if not caller.is_known:
            raise _unknown({"detail": NOT_PROVIDED}, nobody)
        if caller.means is not Means.TOKEN and not _is_signed(connection):
            raise Rejection(415, {"detail": _NO_SIGN})
        caller.require(scope)
        return caller

    async def assistant(self, connection: HTTPConnection) -> Caller:
        """For whom an assistant calls a tool; what that takes, the tool says.

        Source: ops contract section 5.1 (missing 401, wrong 403).

        Raises:
            Rejection: 401, where nobody is known; 403, where the token is not good; 415, where the
                sign is missing that it is no other site's page.
        """
        caller = await self.caller(connection)
        if not caller.is_known:
            raise Rejection(401, {"detail": NOT_PROVIDED}, {"WWW-Authenticate": "Bearer"})
        if caller.means is not Means.TOKEN and not _is_signed(connection):
            raise Rejection(415, {"detail": _NO_SIGN})
        return caller

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

    # ------------------------------------------------------------------ browsers

    async def sign_in(self, key: str) -> tuple[Caller, str] | None:
        """Exchange a token for a session's secret; None where the token is not good."""

        def opened(engine: Engine) -> tuple[Caller, str] | None:
            with transaction(engine) as session:
                caller = access.caller_of(session, Proof(means=Means.TOKEN, value=key))
                secret = access.open_session(session, key, seconds=self.cookie_seconds)
            return (caller, secret) if caller is not None and secret is not None else None

        return await self._reserve.run(opened)

    async def sign_out(self, connection: HTTPConnection) -> None:
        """End the browser's session, if it has one."""
        secret = connection.cookies.get(SESSION_COOKIE)
        if not secret:
            return

        def closed(engine: Engine) -> None:
            with transaction(engine) as session:
                access.close_session(session, secret)

        await self._reserve.run(closed)
        self.forget(Proof(means=Means.SESSION, value=secret))

    def visitor_cookie(self) -> str:
        """A cookie's value that lets a page of an anonymous visitor follow the stream."""
        return str(self._signer.dumps("visitor"))

    @property
    def cookie_seconds(self) -> int:
        """How long a cookie is good."""
        return int(self._settings.cookie_days * 86_400)

    async def _browser(self, connection: HTTPConnection) -> Caller:
        if secret := connection.cookies.get(SESSION_COOKIE):
            signed_in = await self._look_up(Proof(means=Means.SESSION, value=secret))
            if signed_in is not None:
                return signed_in
        value = connection.cookies.get(VISITOR_COOKIE)
        if not value or not self._settings.has_open_reads:
            return NOBODY
        try:
            self._signer.loads(value, max_age=self.cookie_seconds)
        except BadSignature:
            return NOBODY
        return VISITOR

    # ------------------------------------------------------------------ what is known

    async def is_good(self, proof: Proof) -> bool:
        """Whether it still proves who calls; while the database is away, what was good is."""
        try:
            caller = await self._look_up(proof)
        except OutsideUnavailable:
            return True
        is_open = self._settings.has_open_reads
        return caller is not None and (is_open or caller.may(Scope.READ))

    def forget(self, proof: Proof) -> None:
        """Ask the database anew when this proof is shown again."""
        self._known.pop(_digest(proof), None)

    async def _look_up(self, proof: Proof) -> Caller | None:
        """Whose the proof is, remembered so that a busy caller costs no query."""
        digest = _digest(proof)
        moment, caller = self._known.get(digest, (-math.inf, None))
        if time.monotonic() - moment > _CACHE_SECONDS:
            caller = await self._reserve.run(partial(_ask, proof))
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known[digest] = (time.monotonic(), caller)
        return caller


def _ask(proof: Proof, engine: Engine) -> Caller | None:
    with transaction(engine) as session:
        return access.caller_of(session, proof)


def read_cookie_key(path: Path | None) -> str:
    """The key that signs visitors' cookies; without a file, one that lasts as the process does.

    Raises:
        BadSetting: The file cannot be read.
    """
    if path is None:
        return secrets.token_hex(32)
    try:
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(f"setting PRODOPS_API_COOKIE_KEY_FILE: {error}") from error


def gatekeeper(connection: HTTPConnection) -> Gatekeeper:
    """The gatekeeper of the app that serves the connection."""
    keeper: Any = connection.app.state.gatekeeper
    assert isinstance(keeper, Gatekeeper)  # noqa: S101 - the application was made with one
    return keeper


# ------------------------------------------------------------------ what is sent


def _key_of(connection: HTTPConnection) -> str | None:
    """The key that was sent; the scheme is written as anybody likes (RFC 9110, section 11.1)."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() in _SCHEMES else None


def _user_of(connection: HTTPConnection) -> str:
    """The user that a header names; empty where none does.

    Raises:
        Rejection: 400, where it names two: one of them came from outside.
    """
    named = connection.headers.getlist("x-remote-user")
    if len(named) > 1:
        raise Rejection(400, {"detail": _TWICE})
    if not named:
        return ""
    raw = named[0].encode("latin-1")
    try:
        name = raw.decode()  # a header is bytes; proxies send names in UTF-8
    except UnicodeDecodeError:
        name = named[0]
    return "".join(each for each in name if each.isprintable()).strip()[:_LONGEST_NAME]


def _is_signed(connection: HTTPConnection) -> bool:
    """Whether no page of another site can have sent it."""
    method = connection.scope.get("method", "GET")
    media_type = connection.headers.get("content-type", "").partition(";")[0]
    return method in _SAFE or media_type.strip().lower() == JSON


def _unknown(body: dict[str, object], status: int) -> Rejection:
    headers = {"WWW-Authenticate": "Token"} if status == 401 else None  # noqa: PLR2004
    return Rejection(status, body, headers)


def _digest(proof: Proof) -> str:
    return hashlib.sha256(f"{proof.means}:{proof.value}".encode()).hexdigest()


# ------------------------------------------------------------------ what a route asks for


async def _reader(request: Request) -> Caller:
    return await gatekeeper(request).reader(request)


_TAKEN: Final[dict[object, Scope]] = {}


def writing_takes(scope: Scope, *, nobody: int = 403) -> Any:
    """The dependency of a route that writes.

    Args:
        scope: What it takes at least.
        nobody: The status where nobody is known: 403 where the originals say so, else 401.
    """

    async def writer(request: Request) -> Caller:
        return await gatekeeper(request).writer(request, scope, nobody=nobody)

    _TAKEN[writer] = scope
    return Depends(writer)


def scope_taken_by(dependency: object) -> Scope | None:
    """The scope that a route's dependency asks for; None where it asks for none."""
    return _TAKEN.get(dependency)


Reader = Annotated[Caller, Depends(_reader)]
Asker = Annotated[Caller, writing_takes(Scope.READ, nobody=401)]
"""Whoever is known: what is asked for says what it takes."""
AgentWriter = Annotated[Caller, writing_takes(Scope.MESSAGE)]
Sender = Annotated[Caller, writing_takes(Scope.MESSAGE, nobody=401)]
Requester = Annotated[Caller, writing_takes(Scope.REQUEST)]
TokenRequester = Annotated[Caller, writing_takes(Scope.REQUEST, nobody=401)]
