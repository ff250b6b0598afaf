"""Tags, for assistants."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.http.tools.arguments import Name, Text
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.pcs.models import Tag, TagKind
from api.pcs.queries import tags as queries

toolbox = Toolbox()

TagType = Annotated[
    TagKind,
    Field(description="p (physics), e (evgen), s (simu), r (reco) or k (background)."),
]


class TagItem(BaseModel):
    """A tag in a list; the category is a physics tag's."""

    tag_label: str
    status: str
    description: str
    created_by: str
    parameters: dict[str, Any]
    category: str | None = None


class TagDetail(TagItem):
    """One tag."""

    tag_number: int
    created_at: datetime
    category_digit: int | None = None


class TagList(BaseModel):
    """The tags of a kind."""

    tag_type: str
    label: str
    count: int
    tags: list[dict[str, Any]]


class TagsFound(BaseModel):
    """The tags that hold a text."""

    query: str
    count: int
    tags: list[dict[str, Any]]


@toolbox.tool("pcs_list_tags")
def list_tags(
    call: Call,
    *,
    tag_type: TagType,
    category: Name | None = None,
    status: Literal["draft", "locked"] | None = None,
    creator: Name | None = None,
    search: Text | None = None,
) -> TagList:
    """The tags of one kind: sets of parameters that name datasets and configure production.

    The category, by name, is that of physics tags. To look through all kinds, use pcs_search_tags.
    """
    wanted = queries.TagSearch(category=category, status=status, creator=creator, text=search)
    found = queries.search(call.session, wanted, kinds=[tag_type])
    return TagList(
        tag_type=tag_type,
        label=tag_type.word.capitalize(),
        count=len(found),
        tags=[_item(each) for each in found],
    )


@toolbox.tool("pcs_get_tag")
def get_tag(call: Call, *, tag_label: Name) -> dict[str, Any]:
    """One tag by its label, such as p3001, with all its parameters."""
    tag = queries.labelled(call.session, tag_label)
    detail = TagDetail(
        **_fields(tag),
        tag_number=tag.tag_number,
        created_at=tag.created_at,
        category_digit=tag.category_digit,
    )
    return detail.model_dump(mode="json", exclude_none=True)


@toolbox.tool("pcs_search_tags")
def search_tags(call: Call, *, query: Text, tag_type: TagType | None = None) -> TagsFound:
    """The tags, of all kinds or one, whose label, description or parameters hold a text."""
    wanted = queries.TagSearch(text=query, has_parameters=True)
    kinds = list(TagKind) if tag_type is None else [tag_type]
    found = queries.search(call.session, wanted, kinds=kinds)
    return TagsFound(query=query, count=len(found), tags=[_item(each) for each in found])


def _item(tag: Tag) -> dict[str, Any]:
    return TagItem(**_fields(tag)).model_dump(mode="json", exclude_none=True)


def _fields(tag: Tag) -> dict[str, Any]:
    return {
        "tag_label": tag.tag_label,
        "status": tag.status,
        "description": tag.description,
        "created_by": tag.created_by,
        "parameters": tag.parameters,
        "category": tag.category.name if tag.category is not None else None,
    }
