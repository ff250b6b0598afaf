"""Who asks and their tokens, as REST takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from flows.common.callers import Caller, Means, Scope, in_order
from flows.common.models import ApiToken
from flows.common.own_tokens import MOST_DAYS
from flows.common.text import Text

DEFAULT_DAYS: Final = 90
SCOPES: Final = {
    Scope.READ: "read the pages and REST, and follow the stream",
    Scope.MESSAGE: "do what agents do: send messages and keep their records",
    Scope.REQUEST: "ask for what is one's own: submit and operate tasks, fetch logs",
    Scope.OPERATE: "also ask for what is others': any task or request, sweeps for all",
    Scope.ADMIN: "see who may do what: all users and tokens",
}
"""What each scope permits, in words."""
MEANS: Final = {
    Means.TOKEN: "a token",
    Means.SESSION: "the token that you signed in with",
    Means.PROXY: "the site's sign-in",
}
"""By what a caller is known, in words."""


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line without control characters")
    return value


class TokenForm(BaseModel):
    """A token that is to be made."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    note: Annotated[Text, AfterValidator(_printable)] = Field(
        min_length=1, max_length=200, description="What it is for.", examples=["laptop"]
    )
    scopes: frozenset[Scope] = Field(
        min_length=1, description="What it permits; no more than your own token does."
    )
    days: int = Field(
        DEFAULT_DAYS,
        ge=1,
        le=MOST_DAYS,
        description="How many days it is good, at most to the end of your own token.",
    )


class TokenView(BaseModel):
    """A token of one's own, without its key."""

    id: int
    note: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None = Field(description="Null: when it is revoked.")
    last_used_at: datetime | None = Field(description="To five minutes; null: never.")
    revoked_at: datetime | None
    made_with_id: int | None = Field(
        description="The token with which it was made; null: the ops side made it."
    )
    is_good: bool = Field(description="Whether it is neither revoked nor past its end.")
    is_current: bool = Field(description="Whether it is the one that was sent or signed in with.")


class MadeTokenView(BaseModel):
    """A new token, with its key, which is shown this once."""

    id: int
    key: str
    scopes: list[str]
    expires_at: datetime


class RevokedView(BaseModel):
    """Which tokens were revoked just now."""

    revoked: list[int]
    is_signed_out: bool = Field(description="Whether the one that was sent is among them.")


class MeView(BaseModel):
    """Who asks, and what they may do."""

    name: str
    means: Means = Field(description="By what you are known.")
    scopes: list[str]
    token_id: int | None = Field(description="The token that was sent or signed in with.")
    address: str | None = Field(description="The registered mail address.")


class AddressView(BaseModel):
    """The registered mail address; null: there is none."""

    email: str | None


def me(caller: Caller, *, token_id: int | None, address: str | None) -> MeView:
    """The caller, as they are known."""
    return MeView(
        name=caller.name,
        means=caller.means,
        scopes=in_order(caller.scopes),
        token_id=token_id,
        address=address,
    )


def token(row: ApiToken, *, current_id: int | None, at: datetime) -> TokenView:
    """A token as it stands at a time."""
    return TokenView(
        id=row.id,
        note=row.note,
        scopes=row.scopes,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        made_with_id=row.made_with_id,
        is_good=row.is_good(at),
        is_current=row.id == current_id,
    )
