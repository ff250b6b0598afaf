"""What the PanDA server, a token or prun may answer instead of what was asked, as typed errors."""

from __future__ import annotations

from blocks.errors import OutsideUnavailable, ProdOpsError


class PandaUnavailable(OutsideUnavailable):
    """PanDA or the issuer of its tokens did not answer, or with something that is no answer."""


class PandaRefused(ProdOpsError):
    """PanDA answered, and will answer the same again.

    Attributes:
        message: what PanDA says.
        code: number in the answer's data, or the HTTP status; None where there is neither.
    """

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(f"PanDA refused: {message}" + (f" (code {code})" if code else ""))
        self.message = message
        self.code = code


class TokenRefused(ProdOpsError):
    """The token is absent, expired, foreign, or its holder may not do this.

    Attributes:
        reason: what is wrong, with the token's expiry or issuer; never the token.
        renewal: command that gets a new one; None where none is known.
    """

    def __init__(self, reason: str, *, renewal: str | None = None) -> None:
        super().__init__(reason + (f"; renew it: {renewal}" if renewal else ""))
        self.reason = reason
        self.renewal = renewal


class PrunMissing(ProdOpsError):
    """There is no prun to start."""


class UnsafePath(ProdOpsError):
    """A path holds characters that a shell would read: prun passes some paths through one."""
