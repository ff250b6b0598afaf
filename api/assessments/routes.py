"""AI assessments over REST."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.assessments import queries, services
from api.assessments.domain import canonical_type
from api.assessments.schemas import AssessmentForm
from api.http.access import Reader, TokenRequester
from api.http.errors import Problem, reading, writing
from api.http.fields import MAX_BIG_INTEGER, UtcTime
from api.http.links import page_link, prefix_of
from api.http.lists import Page
from api.http.sessions import session_of
from api.http.silence import RestRoute
from flows.common.text import Text

router = APIRouter(route_class=RestRoute, prefix="/api/assessments", tags=["AI assessments"])

_WRITING: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Problem, "description": "No good token."},
    **writing(),
}


class AssessmentView(BaseModel):
    """What an AI wrote about something. Nobody has checked it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    subject_type: str
    subject_key: str
    subject_label: str
    subject_url: str
    username: str = Field(description="Who registered it.")
    ai: str = Field(description="The model that wrote it, as it was said.")
    assessment: str
    data: dict[str, Any]
    is_linked: bool = Field(description="Whether the subject was found here.")
    created_at: UtcTime


class AssessmentPage(Page[AssessmentView]):
    """A page of assessments, newest first."""


@router.get("/", summary="List AI assessments", responses=reading())
def list_assessments(
    request: Request,
    _reader: Reader,
    subject_type: Text | None = None,
    subject_key: Text | None = None,
    username: Text | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=MAX_BIG_INTEGER)] = 0,
) -> AssessmentPage:
    """Newest first, about one subject or about all."""
    kind = canonical_type(subject_type) if subject_type is not None else None
    wanted = queries.Filter(subject_type=kind, subject_key=subject_key, username=username)
    with session_of(request) as session:
        count, rows = queries.page(session, wanted, limit, offset)
        results = [AssessmentView.model_validate(each) for each in rows]
    after = offset + limit
    return AssessmentPage(
        count=count,
        next=page_link(request, limit=limit, offset=after) if after < count else None,
        previous=page_link(request, limit=limit, offset=offset - limit) if offset else None,
        results=results,
    )


@router.post("/", status_code=201, summary="Register an AI assessment", responses=_WRITING)
def register_assessment(
    request: Request, caller: TokenRequester, form: AssessmentForm
) -> AssessmentView:
    """It is added to those of its subject, and shown on the subject's page as the AI's word."""
    with session_of(request) as session:
        added = services.register(session, form, caller, prefix=prefix_of(request))
        return AssessmentView.model_validate(added)
