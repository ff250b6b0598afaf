"""Who one is, and one's tokens, over REST."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.access import Asker, gatekeeper
from api.http.errors import Problem, reading, writing
from api.http.sessions import session_of, settings_of
from api.http.silence import RestRoute
from api.me import queries, views
from api.me.views import AddressView, MadeTokenView, MeView, RevokedView, TokenForm, TokenView
from blocks.errors import Invalid, Refused
from flows.common import own_tokens
from flows.notifications.repository import wishes
from flows.notifications.schemas import AddressForm

router = APIRouter(route_class=RestRoute, prefix="/api/me", tags=["me"])

_MAX_ID: Final = 2**31 - 1
_NOBODY: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Problem, "description": "Nobody is known to ask."}
}
_READING: Final = _NOBODY | reading()
_WRITING: Final = _NOBODY | writing()
TokenId = Annotated[int, Path(ge=1, le=_MAX_ID)]


def _keep_to_oneself(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


@router.get("/", summary="Who one is", responses=_READING)
def get_me(request: Request, response: Response, caller: Asker) -> MeView:
    """The caller's name, by what they are known, and what they may do."""
    _keep_to_oneself(response)
    with session_of(request) as session:
        return views.me(
            caller,
            token_id=own_tokens.current_id(session, caller),
            address=wishes.address_of(session, caller.name),
        )


# ------------------------------------------------------------------ where one is told


@router.put("/address/", summary="Register one's mail address", responses=_WRITING)
def set_address(
    request: Request, response: Response, caller: Asker, form: AddressForm
) -> AddressView:
    """Your watches, and rules on what is your own, tell it; a new one replaces it."""
    _keep_to_oneself(response)
    domains = settings_of(request).notifications.mail_domains
    with session_of(request) as session:
        try:
            wishes.set_address(session, form.email, caller, domains=domains)
        except Refused as refused:
            raise Invalid({"email": [str(refused)]}) from None
    return AddressView(email=form.email)


@router.delete("/address/", summary="Forget one's mail address", responses=_WRITING)
def forget_address(request: Request, response: Response, caller: Asker) -> AddressView:
    """Watches that would tell it tell nobody until one is registered."""
    _keep_to_oneself(response)
    with session_of(request) as session:
        wishes.set_address(session, None, caller)
    return AddressView(email=None)


# ------------------------------------------------------------------ tokens


@router.get("/tokens/", summary="One's own tokens", responses=_READING)
def list_tokens(request: Request, response: Response, caller: Asker) -> list[TokenView]:
    """Good ones first, each newest first; no key is among what is shown."""
    _keep_to_oneself(response)
    with session_of(request) as session:
        return queries.tokens(session, caller)


@router.post("/tokens/", status_code=201, summary="Make a token for oneself", responses=_WRITING)
def create_token(
    request: Request, response: Response, caller: Asker, form: TokenForm
) -> MadeTokenView:
    """Its key is in this answer and nowhere else.

    It takes a token, or a session that was begun with one; the new one permits no more, and lasts
    no longer. An owner may have 20 good ones to make another.
    """
    _keep_to_oneself(response)
    with session_of(request) as session:
        made = own_tokens.create(
            session, caller, note=form.note, scopes=form.scopes, days=form.days
        )
    return MadeTokenView(id=made.id, key=made.key, scopes=made.scopes, expires_at=made.expires_at)


@router.delete("/tokens/{token_id}/", summary="Revoke a token of one's own", responses=_WRITING)
def revoke_token(
    token_id: TokenId,
    request: Request,
    response: Response,
    caller: Asker,
    with_made: Annotated[  # noqa: FBT002 - the query's word
        bool, Query(description="Revoke those that were made with it, too.")
    ] = False,
) -> RevokedView:
    """Within seconds it opens nothing, and its sessions and streams end. Also the one in use.

    It takes a token, or a session, that permits as much as the one that is revoked.
    """
    _keep_to_oneself(response)
    with session_of(request) as session:
        current_id = own_tokens.current_id(session, caller)
        revoked = own_tokens.revoke(session, caller, token_id, with_made=with_made)
    if caller.proof is not None and current_id in revoked:
        gatekeeper(request).forget(caller.proof)
    return RevokedView(revoked=revoked, is_signed_out=current_id in revoked)
