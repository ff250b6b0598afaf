"""Physics categories and the five kinds of tags."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel

from api.http.sessions import session_of
from api.pcs.models import PhysicsCategory, TagKind
from api.pcs.queries import catalogue as queries
from api.pcs.queries.rows import by_key, listed
from api.pcs.routes.common import PREFIX, PcsRouter, RowKey, Writer, by_digit, by_number
from api.pcs.routes.records import Records, add_routes, with_article
from api.pcs.schemas.catalogue import CategoryForm, PhysicsTagForm, TagForm
from api.pcs.services import tags
from api.pcs.views.catalogue import (
    CategoryView,
    PhysicsTagView,
    TagView,
    category_views,
)

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


class Detail(BaseModel):
    """What was done."""

    detail: str


router = PcsRouter(prefix=PREFIX)

add_routes(
    router,
    Records(
        prefix="/physics-categories",
        name="category",
        words="physics category",
        view=CategoryView,
        show=category_views,
        form=CategoryForm,
        example={"digit": 3, "name": "DIS"},
        changes_example={"description": "deep inelastic"},
        key="{digit}",
        read_key=by_digit,
        find=partial(listed, model=PhysicsCategory),
        get=lambda session, digit: by_key(session, PhysicsCategory, digit),
        add=tags.add_category,
        change=tags.change_category,
        texts={
            "list": "All as a bare array, by digit.",
            "get": "With the count of its tags.",
            "add": "Its digit begins the numbers of its tags.",
            "change": "Its name or description; the digit stays.",
        },
    ),
)


def _add_tag_routes(kind: TagKind) -> None:
    name = f"{kind.word}-tags"
    is_physics = kind is TagKind.PHYSICS
    view: Any = PhysicsTagView if is_physics else TagView
    words = f"{kind.word} tag"
    add_routes(
        router,
        Records(
            prefix=f"/{name}",
            name="tag",
            words=words,
            view=view,
            form=PhysicsTagForm if is_physics else TagForm,
            example=_EXAMPLES[kind],
            changes_example={"description": "as agreed"},
            key="{number}",
            read_key=by_number,
            filters=queries.TagFilter,
            find=partial(queries.tags, kind=kind),
            get=partial(queries.tag, kind=kind),
            add=partial(tags.add_tag, kind=kind),
            change=partial(tags.change_tag, kind=kind),
            texts={
                "list": "All as a bare array, by number.",
                "get": "By its number.",
                "add": "A draft, with the next number of its kind.",
                "change": "Drafts only; `parameters` are replaced as a whole.",
            },
        ),
    )
    at = f"/{name}/{{number}}"

    @router.writes(f"{at}/lock/", f"Lock {with_article(words)}", response_model=view, tags=[name])
    def lock_tag(number: RowKey, request: Request, _actor: Writer) -> BaseModel:
        """Lock the tag permanently: a locked tag is never changed, deleted or unlocked."""
        with session_of(request) as session:
            locked: BaseModel = view.model_validate(tags.lock_tag(session, number, kind=kind))
            return locked

    @router.writes(f"{at}/delete/", f"Delete a draft {words}", tags=[name])
    def delete_tag(number: RowKey, request: Request, actor: Writer) -> Detail:
        """Only who made the tag may delete it, and only while no dataset has it."""
        with session_of(request) as session:
            deleted = tags.delete_tag(session, number, actor, kind=kind)
            return Detail(detail=f"Tag {deleted.tag_label} deleted.")


for _kind in TagKind:
    _add_tag_routes(_kind)
