"""Where PanDA's tokens come from: panda-client's file, or a robot's grant. Nothing here asks."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from blocks.errors import OutsideUnavailable
from blocks.panda_server.client import origin_of
from blocks.panda_server.errors import PandaUnavailable, TokenRefused
from blocks.panda_server.identity import Identity
from blocks.panda_server.issuer import Issuer
from blocks.panda_server.token_file import StoredToken, TokenFile, private_text

_LOCK_SECONDS = 30.0


class TokenSource(Protocol):
    """What gives a token that is good for a while."""

    def identity(self) -> Identity:
        """A token and its holder.

        Raises:
            TokenRefused: There is none, and there will be none without somebody's doing.
            OutsideUnavailable: There is none as long as the issuer does not answer.
        """

    def token(self) -> str:
        """The token alone; raises as :meth:`identity`."""
        return self.identity().token

    def require_group(self, group: str) -> None:
        """Check that the holder is in `group`; raises as :meth:`identity`, and if not."""
        self.identity().require_group(group)


class CachedToken(TokenSource):
    """The token in ``<config_root>/.token``, refreshed beforehand, once for all processes."""

    def __init__(
        self,
        config_root: Path,
        *,
        server_url: str,
        vo: str,
        ca: Path | None = None,
        margin_seconds: float = 600.0,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Know where to look; nothing is read yet.

        Args:
            config_root: panda-client's PANDA_CONFIG_ROOT.
            server_url: as prun's PANDA_URL_SSL.
            vo: virtual organisation and role, such as ``EIC.production``.
            ca: directory of CA certificates (see :func:`trust`).
            margin_seconds: for how long a token must be good, else it is refreshed.
            timeout_seconds: how long PanDA or the issuer may take to answer.
        """
        self._file = TokenFile(config_root)
        self._issuer = Issuer(server_url, vo, ca=ca, timeout_seconds=timeout_seconds)
        self._margin_seconds = margin_seconds
        self.renewal = renewal(config_root, server_url, vo)
        """The command with which its holder gets a new token."""

    def identity(self) -> Identity:
        """The token and its holder; refreshed if it expires within the margin.

        While its issuer does not answer, a token that is still good is used.

        Raises:
            TokenRefused: It is absent, foreign, or expires and cannot be refreshed.
            OutsideUnavailable: It expired, and cannot be refreshed at the moment.
        """
        try:
            return self._good_identity()
        except TokenRefused as refused:
            raise TokenRefused(refused.reason, renewal=self.renewal) from None

    def _good_identity(self) -> Identity:
        stored = self._file.read()
        identity = stored.identity()
        self._refuse_foreign(identity)
        if identity.seconds_left > self._margin_seconds:
            return identity
        if stored.refresh_token is None:
            raise TokenRefused(f"the token of {identity.name} {identity.expiry}")
        try:
            return self._refreshed(stored)
        except OutsideUnavailable as outage:
            if identity.seconds_left > 0:
                remark = f"the token {identity.expiry} and could not be refreshed: {outage}"
                return replace(identity, remarks=(*identity.remarks, remark))
            raise PandaUnavailable(f"the token {identity.expiry}; {outage}") from outage

    def _refreshed(self, seen: StoredToken) -> Identity:
        with self._file.lock(_LOCK_SECONDS):
            stored = self._file.read()
            identity = stored.identity()
            # Another process may have been faster.
            is_other = stored.fields.get("id_token") != seen.fields.get("id_token")
            if identity.seconds_left > (0 if is_other else self._margin_seconds):
                self._refuse_foreign(identity)
                return identity
            return self._refresh(stored, identity)

    def _refresh(self, stored: StoredToken, identity: Identity) -> Identity:
        remarks = stored.remarks
        with self._file.replacement() as put_in_place:
            answer = self._granted(stored.refresh_token or "", identity)
            try:
                put_in_place({**stored.fields, **answer})
            except OSError as error:
                remarks = (*remarks, f"the new token could not be kept: {error.strerror}")
        fresh = replace(Identity.of(answer["id_token"]), remarks=remarks)
        if fresh.seconds_left <= 0:
            raise TokenRefused(f"the new token {fresh.expiry}: is this machine's clock right?")
        return fresh

    def _granted(self, refresh_token: str, identity: Identity) -> dict[str, Any]:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            answer = self._issuer.grant(form)
            self._refuse_foreign(Identity.of(answer.get("id_token") or ""))
        except TokenRefused as refused:
            reason = f"the token of {identity.name} {identity.expiry}; {refused.reason}"
            raise TokenRefused(reason) from None
        return answer

    def _refuse_foreign(self, identity: Identity) -> None:
        try:
            foreignness = self._issuer.config().foreignness(identity)
        except PandaUnavailable:
            return  # PanDA will say so itself
        if foreignness is not None:
            raise TokenRefused(f"the token of {identity.name} is foreign: {foreignness}")


class RobotToken(TokenSource):
    """The token of a robot account, by the client-credentials grant; kept in memory only."""

    def __init__(
        self,
        client_id: str,
        secret_file: Path | None,
        *,
        server_url: str,
        vo: str,
        ca: Path | None = None,
        scope: str | None = None,
        margin_seconds: float = 600.0,
        timeout_seconds: float = 10.0,
    ) -> None:
        """Know whom to ask; nothing is read yet.

        Args:
            client_id: the robot's.
            secret_file: holds its secret, mode 0600; without one every token is refused.
            scope: what is asked for; unset: the groups, as the VO's profile names them.
            server_url: as prun's PANDA_URL_SSL.
            vo: virtual organisation and role.
            ca: directory of CA certificates (see :func:`trust`).
            margin_seconds: for how long a token must be good, else a new one is asked for.
            timeout_seconds: how long PanDA or the issuer may take to answer.
        """
        self._client_id = client_id
        self._secret_file = secret_file
        self._scope = scope
        self._issuer = Issuer(server_url, vo, ca=ca, timeout_seconds=timeout_seconds)
        self._margin_seconds = margin_seconds
        self._cached: Identity | None = None
        self._gate = threading.Lock()

    def identity(self) -> Identity:
        """The token and its holder; a new one if the last expires within the margin.

        Raises:
            TokenRefused: The secret cannot be read, or the issuer refuses it.
            OutsideUnavailable: The issuer does not answer, and the last token expired.
        """
        with self._gate:
            cached = self._cached
            if cached is not None and cached.seconds_left > self._margin_seconds:
                return cached
            try:
                self._cached = self._granted()
            except OutsideUnavailable:
                if cached is None or cached.seconds_left <= 0:
                    raise
                return cached
            return self._cached

    def _granted(self) -> Identity:
        if self._secret_file is None:
            raise TokenRefused(f"no file with the secret of the robot {self._client_id} is set")
        config = self._issuer.config()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": private_text(self._secret_file),
        }
        scope = self._scope or ("wlcg wlcg.groups" if config.jwt_profile == "wlcg" else "")
        optional = {"scope": scope, "audience": config.audience}
        form |= {name: value for name, value in optional.items() if value}
        try:
            answer = self._issuer.grant(form)
        except TokenRefused as refused:
            raise TokenRefused(f"no token for {self._client_id}: {refused.reason}") from None
        return Identity.of(answer.get("id_token") or answer.get("access_token") or "")


def renewal(config_root: Path, server_url: str, vo: str) -> str:
    """The shell command with which a person gets a new token, whatever the old one's state.

    panda-client 2.2.0 removes the old token, names the page to sign in at, and waits for it.
    """
    environment = {
        "PANDA_AUTH": "oidc",
        "PANDA_AUTH_VO": vo,
        "PANDA_CONFIG_ROOT": os.fspath(config_root),
        "PANDA_URL_SSL": origin_of(server_url),
        "PANDA_BEHIND_REAL_LB": "1",
    }
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    call = shlex.quote("from pandaclient import Client; Client.get_new_token()")
    return f"(umask 077; {settings} {shlex.quote(sys.executable)} -c {call})"
