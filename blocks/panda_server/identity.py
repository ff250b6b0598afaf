"""Who a token says that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import jwt

from blocks.panda_server.errors import TokenRefused


@dataclass(frozen=True)
class Identity:
    """A token and its claims; the signature is PanDA's to check.

    Attributes:
        token: the JWT; never shown.
        name: as PanDA stores it (userName): each word capitalised, as panda-client does.
        preferred_username: what datasets of a user begin with.
        groups: such as ``EIC/production``.
        remarks: what was noticed and mended on the way, for the log.
    """

    token: str = field(repr=False)
    name: str
    preferred_username: str
    groups: tuple[str, ...]
    expires_at: datetime
    issuer: str = ""
    audiences: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, token: str) -> Self:
        """Read a token.

        Raises:
            TokenRefused: It is no JWT, or has no time of expiry.
        """
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            expires_at = datetime.fromtimestamp(float(claims["exp"]), UTC)
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError):
            raise TokenRefused("the token is no JWT with a time of expiry") from None
        username = _text(claims.get("preferred_username"))
        name = _text(claims.get("name")) or username or _text(claims.get("sub"))
        return cls(
            token=token,
            name=" ".join(word[:1].upper() + word[1:].lower() for word in name.split()),
            preferred_username=username,
            groups=_texts(claims.get("groups")),
            expires_at=expires_at,
            issuer=_text(claims.get("iss")),
            audiences=_texts(claims.get("aud")),
        )

    @property
    def seconds_left(self) -> float:
        """How long the token is still good; negative after its expiry."""
        return (self.expires_at - datetime.now(UTC)).total_seconds()

    @property
    def expiry(self) -> str:
        """When it expires, or did, in words."""
        verb = "expires" if self.seconds_left > 0 else "expired"
        return f"{verb} at {self.expires_at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def issuer_host(self) -> str:
        """Whose token it is: the host of its issuer."""
        return (urlsplit(self.issuer).hostname or self.issuer).lower()

    def require_group(self, group: str) -> None:
        """Check that the holder is in `group`, as ``--official`` needs (``EIC/production``).

        Raises:
            TokenRefused: The holder is not.
        """
        if group not in self.groups:
            groups = ", ".join(self.groups) or "none"
            raise TokenRefused(f"{self.name} is not in the group {group}, only in: {groups}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(item for item in values if isinstance(item, str))
