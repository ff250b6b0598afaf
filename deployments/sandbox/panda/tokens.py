"""The issuer of the sandbox's tokens: signs, renews and checks them (OIDC, HS256)."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from deployments.sandbox.files import private_text, write_private

CLIENT_ID = "prodops-sandbox"
ROBOT_ID = "prodops-robot"
VO = "EIC"
PRODUCTION = "production"
USER_NAME = "Prod Ops"
NICKNAME = "prodops"
GROUPS = (f"{VO}/{PRODUCTION}", VO)

_ALGORITHM = "HS256"


@dataclass(frozen=True)
class Caller:
    """Who makes a request, as PanDA sees it: names from the token, role from Origin."""

    user_name: str
    nickname: str
    role: str | None

    @property
    def dn(self) -> str:
        """What stands in for the distinguished name of a certificate."""
        return f"{self.user_name}/CN=nickname:{self.nickname}"

    @property
    def is_production(self) -> bool:
        """Whether the caller has the production role."""
        return self.role == PRODUCTION


class TokenRejected(Exception):
    """A token opens nothing; the message is the server's own."""


@dataclass
class Issuer:
    """Signs and checks tokens with a key of its own, kept in its directory.

    Attributes:
        directory: Where the key and the robot's secret are (0600).
        url: Its address, which the tokens name as issuer.
        seconds: How long a token is good.
        expired_before: Tokens that were issued before this moment are expired, whatever they say.
        is_refresh_refused: Whether refresh tokens are no longer accepted.
    """

    directory: Path
    url: str
    seconds: float
    expired_before: float = 0.0
    is_refresh_refused: bool = False
    _key: str = field(init=False, repr=False)
    _secrets: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._key = private_text(self.directory / "issuer.key", secrets.token_hex(32))
        self._secrets = {
            client: private_text(self.directory / name, secrets.token_hex(16))
            for client, name in ((CLIENT_ID, "client.secret"), (ROBOT_ID, "robot.secret"))
        }

    def issue(self, *, seconds: float | None = None, **claims: Any) -> dict[str, Any]:
        """The token endpoint's answer: an id_token of these claims and a refresh_token."""
        now = time.time()
        lasts = self.seconds if seconds is None else seconds
        person = {
            "sub": NICKNAME,
            "name": USER_NAME,
            "preferred_username": NICKNAME,
            "groups": list(GROUPS),
            **claims,
        }
        issued = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": int(now + lasts)}
        id_token = jwt.encode(person | issued, self._key, _ALGORITHM)
        renewal = {"person": person, "use": "refresh", "id": secrets.token_hex(8)}
        return {
            "access_token": id_token,
            "id_token": id_token,
            "refresh_token": jwt.encode(renewal, self._key, _ALGORITHM),
            "token_type": "Bearer",
            "expires_in": max(0, int(lasts)),
        }

    def write_token(self, config_root: Path, *, seconds: float | None = None) -> None:
        """Put a fresh ``.token`` for the sandbox's user where prun and prodops look for it."""
        write_private(config_root / ".token", json.dumps(self.issue(seconds=seconds)))

    def caller(self, authorization: str, origin: str | None) -> Caller:
        """Who shows this token, in the VO and role that Origin names.

        Raises:
            TokenRejected: It is expired, foreign, or its owner is not in the group.
        """
        claims = self._claims(authorization)
        if origin is None:
            raise TokenRejected("no HTTP_ORIGIN to identify the VO")
        vo, _, role = origin.replace(":", ".").partition(".")
        if vo != VO:
            raise TokenRejected(f"Unknown vo : {vo}")
        group = f"{vo}/{role}" if role else vo
        groups = claims.get("groups") or []
        if group not in groups and f"/{group}" not in groups:
            raise TokenRejected(f"Not a member of the {group} group")
        name = str(claims.get("name") or claims["sub"])
        user_name = " ".join(part[:1].upper() + part[1:].lower() for part in name.split())
        return Caller(user_name, str(claims.get("preferred_username", "")), role or None)

    def renew(self, refresh_token: str) -> dict[str, Any]:
        """A new token for a refresh token.

        Raises:
            TokenRejected: It is not of this issuer, or none is accepted any more.
        """
        if self.is_refresh_refused:
            raise TokenRejected("refresh token is revoked")
        try:
            renewal = jwt.decode(refresh_token, self._key, [_ALGORITHM])
        except jwt.InvalidTokenError as error:
            raise TokenRejected(str(error)) from error
        if renewal.get("use") != "refresh":
            raise TokenRejected("not a refresh token")
        return self.issue(**renewal["person"])

    def robot_token(self) -> dict[str, Any]:
        """A token for the robot, without a refresh token."""
        answer = self.issue(
            sub=ROBOT_ID, name="robot production", preferred_username=ROBOT_ID, groups=[*GROUPS]
        )
        del answer["refresh_token"]
        return answer

    def is_secret_of(self, client_id: str, secret: str) -> bool:
        """Whether this is the secret of prun's client, or of the robot."""
        return secrets.compare_digest(secret, self._secrets[client_id])

    def auth_config(self, vo: str) -> dict[str, Any]:
        """What prun reads at ``/auth/<VO>_auth_config.json``; such a client's secret is none."""
        return {
            "audience": CLIENT_ID,
            "client_id": CLIENT_ID,
            "client_secret": self._secrets[CLIENT_ID],
            "oidc_config_url": f"{self.url}/.well-known/openid-configuration",
            "vo": vo,
            "no_verify": "True",
            "robot_ids": ROBOT_ID,
        }

    def _claims(self, authorization: str) -> dict[str, Any]:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenRejected("Invalid token. Not enough segments")
        try:
            claims: dict[str, Any] = jwt.decode(
                token.strip(), self._key, [_ALGORITHM], audience=CLIENT_ID
            )
        except jwt.InvalidTokenError as error:
            raise TokenRejected(f"Invalid token. {error}") from error
        if claims["iat"] < self.expired_before:
            raise TokenRejected("Invalid token. Signature has expired")
        return claims
