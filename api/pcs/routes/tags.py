"""Physics categories and the five kinds of tags."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Path, Request
from pydantic import BaseModel

from api.http.access import Reader
from api.http.errors import reading, writing
from api.http.forms import Sent, body, partial
from api.http.sessions import session_of
from api.pcs import forms, views
from api.pcs.models import TagKind
from api.pcs.routes.common import PREFIX, PcsRouter, RowKey, Writer
from api.pcs.services import tags

router = PcsRouter(prefix=PREFIX)

_EXAMPLES: Final[dict[TagKind, dict[str, Any]]] = {
    TagKind.PHYSICS: {
        "category": 3,
        "parameters": {
            "process": "DIS NC",
            "beam_energy_electron": "10",
            "beam_energy_hadron": "100",
        },
    },
    TagKind.EVGEN: {"parameters": {"generator": "pythia8", "generator_version": "8.316"}},
    TagKind.SIMU: {"parameters": {"detector_sim": "npsim", "sim_version": "26.02.0"}},
    TagKind.RECO: {"parameters": {"reco_version": "26.02.0", "reco_config": "default"}},
    TagKind.BACKGROUND: {"parameters": {"background_type": "beam gas"}},
}
Digit = Annotated[int, Path(ge=1, le=9)]
Status = Literal["draft", "locked"]


class Detail(BaseModel):
    """What was done."""

    detail: str


# ------------------------------------------------------------------ categories


@router.get(
    "/physics-categories/",
    summary="List physics categories",
    tags=["physics-categories"],
    responses=reading(),
)
def list_categories(request: Request, _caller: Reader) -> list[views.CategoryView]:
    """All, by digit."""
    with session_of(request) as session:
        return [views.category_view(*found) for found in tags.categories(session)]


@router.get(
    "/physics-categories/{digit}/",
    summary="One physics category",
    tags=["physics-categories"],
    responses=reading(404),
)
def get_category(digit: Digit, request: Request, _caller: Reader) -> views.CategoryView:
    """With the count of its tags."""
    with session_of(request) as session:
        return views.category_view(*tags.category(session, digit))


@router.post(
    "/physics-categories/",
    status_code=201,
    summary="Make a physics category",
    tags=["physics-categories"],
    responses=writing(),
    openapi_extra=body(forms.CategoryForm, {"digit": 3, "name": "DIS"}),
)
def add_category(request: Request, actor: Writer, sent: Sent) -> views.CategoryView:
    """Its digit begins the numbers of its tags."""
    values = sent.read(forms.CategoryForm)
    with session_of(request) as session:
        return views.category_view(tags.add_category(session, values, actor), 0)


@router.patch(
    "/physics-categories/{digit}/",
    summary="Change a physics category",
    tags=["physics-categories"],
    responses=writing(),
    openapi_extra=body(partial(forms.CategoryForm), {"description": "deep inelastic"}),
)
def change_category(
    digit: Digit, request: Request, _actor: Writer, sent: Sent
) -> views.CategoryView:
    """Its name or description; the digit stays."""
    values = sent.read(partial(forms.CategoryForm))
    with session_of(request) as session:
        tags.change_category(session, digit, values)
        return views.category_view(*tags.category(session, digit))


# ------------------------------------------------------------------ tags


def _add_tag_routes(kind: TagKind) -> None:
    path = f"/{kind.name.lower()}-tags"
    is_physics = kind is TagKind.PHYSICS
    form: type[BaseModel] = forms.PhysicsTagForm if is_physics else forms.TagForm
    view: Any = views.PhysicsTagView if is_physics else views.TagView
    words = f"{kind.name.lower()} tag"
    shared: dict[str, Any] = {"tags": [path.strip("/")]}

    @router.get(
        f"{path}/",
        summary=f"List {words}s",
        response_model=list[view],
        responses=reading(),
        **shared,
    )
    def list_tags(
        request: Request, _caller: Reader, status: Status | None = None
    ) -> list[views.TagView]:
        """All, by number."""
        with session_of(request) as session:
            return [views.tag_view(tag) for tag in tags.tags_of(session, kind, status=status)]

    @router.get(
        f"{path}/{{number}}/",
        summary=f"One {words}",
        response_model=view,
        responses=reading(404),
        **shared,
    )
    def get_tag(number: RowKey, request: Request, _caller: Reader) -> views.TagView:
        with session_of(request) as session:
            return views.tag_view(tags.tag(session, kind, number))

    @router.post(
        f"{path}/",
        status_code=201,
        summary=f"Make a {words}",
        response_model=view,
        responses=writing(),
        openapi_extra=body(form, _EXAMPLES[kind]),
        **shared,
    )
    def add_tag(request: Request, actor: Writer, sent: Sent) -> views.TagView:
        """A draft, with the next number."""
        values = sent.read(form)
        with session_of(request) as session:
            return views.tag_view(tags.add_tag(session, kind, values, actor))

    @router.patch(
        f"{path}/{{number}}/",
        summary=f"Change a {words}",
        response_model=view,
        responses=writing(),
        openapi_extra=body(partial(form), {"description": "as agreed"}),
        **shared,
    )
    def change_tag(number: RowKey, request: Request, _actor: Writer, sent: Sent) -> views.TagView:
        """Drafts only; `parameters` are replaced as a whole."""
        values = sent.read(partial(form))
        with session_of(request) as session:
            return views.tag_view(tags.change_tag(session, kind, number, values))

    @router.post(
        f"{path}/{{number}}/lock/",
        summary=f"Lock a {words}",
        response_model=view,
        responses=writing(),
        **shared,
    )
    def lock_tag(number: RowKey, request: Request, _actor: Writer) -> views.TagView:
        """For good."""
        with session_of(request) as session:
            return views.tag_view(tags.lock_tag(session, kind, number))

    @router.post(
        f"{path}/{{number}}/delete/",
        summary=f"Delete a draft {words}",
        responses=writing(),
        **shared,
    )
    def delete_tag(number: RowKey, request: Request, actor: Writer) -> Detail:
        """By who made it, where no dataset bears it."""
        with session_of(request) as session:
            deleted = tags.delete_tag(session, kind, number, actor)
            return Detail(detail=f"Tag {deleted.tag_label} deleted.")


for _kind in TagKind:
    _add_tag_routes(_kind)
