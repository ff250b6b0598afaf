"""Tags, for assistants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.http.tools.answers import MonitorUrl
from api.http.tools.arguments import LARGEST_LIMIT, Limit, Name, Offset, Text
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.pcs.models import Tag, TagKind
from api.pcs.queries import tags as queries
from api.pcs.queries.tags import TagSearch

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
    url: str = Field(description="The tag over REST.")


class TagPage(BaseModel):
    """A page of tags; `count` is that of all pages."""

    count: int
    has_more: bool
    tags: list[dict[str, Any]]
    monitor_urls: list[MonitorUrl]


class TagList(TagPage):
    """The tags of a kind."""

    tag_type: str
    label: str


class TagsFound(TagPage):
    """The tags that hold a text."""

    query: str


@toolbox.tool("pcs_list_tags")
def list_tags(
    call: Call,
    *,
    tag_type: TagType,
    category: Name | None = None,
    status: Literal["draft", "locked"] | None = None,
    creator: Name | None = None,
    search: Text | None = None,
    limit: Limit = LARGEST_LIMIT,
    offset: Offset = 0,
) -> TagList:
    """The tags of one kind: sets of parameters that name datasets and configure production.

    The category, by name, is that of physics tags. To look through all kinds, use pcs_search_tags.
    """
    wanted = TagSearch(category=category, status=status, creator=creator, text=search)
    found = _page(call, wanted, [tag_type], limit=limit, offset=offset)
    return TagList(tag_type=tag_type, label=tag_type.word.capitalize(), **dict(found))


@toolbox.tool("pcs_get_tag")
def get_tag(call: Call, *, tag_label: Name) -> dict[str, Any]:
    """One tag by its label, such as p3001, with all its parameters.

    Where the label is not known, use pcs_search_tags, or pcs_list_tags for all of a kind.
    """
    tag = queries.labelled(call.session, tag_label)
    detail = TagDetail(
        **_fields(tag),
        tag_number=tag.tag_number,
        created_at=tag.created_at,
        category_digit=tag.category_digit,
        url=call.link(f"{_rest(tag.kind)}{tag.tag_number}/"),
    )
    return detail.model_dump(mode="json", exclude_none=True)


@toolbox.tool("pcs_search_tags")
def search_tags(
    call: Call,
    *,
    query: Text,
    tag_type: TagType | None = None,
    limit: Limit = LARGEST_LIMIT,
    offset: Offset = 0,
) -> TagsFound:
    """The tags, of all kinds or one, whose label, description or parameters hold a text.

    For all of a kind, or by category, status or creator, use pcs_list_tags.
    """
    wanted = TagSearch(text=query, has_parameters=True)
    kinds = list(TagKind) if tag_type is None else [tag_type]
    found = _page(call, wanted, kinds, limit=limit, offset=offset)
    return TagsFound(query=query, **dict(found))


def _page(
    call: Call, wanted: TagSearch, kinds: Sequence[TagKind], *, limit: int, offset: int
) -> TagPage:
    count, rows = queries.search(call.session, wanted, kinds=kinds, limit=limit, offset=offset)
    return TagPage(
        count=count,
        has_more=offset + len(rows) < count,
        tags=[_item(each) for each in rows],
        monitor_urls=[
            call.shown_at(f"{kind.word.capitalize()} tags over REST", _rest(kind)) for kind in kinds
        ],
    )


def _rest(kind: TagKind) -> str:
    return f"/pcs/api/{TagKind(kind).word}-tags/"


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
