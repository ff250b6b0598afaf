"""Completion reports for programs: those that were made, in three forms, and asking for one."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access import Reader, Writer
from api.http.errors import reading, writing
from api.http.sessions import session_of, settings_of
from api.provenance import schemas, services
from api.provenance.queries import reports
from api.provenance.routes.campaigns import SOURCE
from api.requests.views import Triggered, triggered
from flows.common.text import Text
from flows.provenance.domain.reports import as_csv

router = APIRouter(prefix="/api/provenance", tags=["provenance"])

_MAX_ID: Final = 2**63 - 1
ReportId = Annotated[int, Path(ge=1, le=_MAX_ID)]


class ReportForm(BaseModel):
    """Which campaign to report on; none: the current one."""

    model_config = ConfigDict(extra="forbid")

    campaign: Text | None = Field(None, max_length=100, examples=["26.05.0"])
    mail: bool = Field(True, description="Mail it, if a notification block is set.")


@router.get("/reports/", summary="List completion reports", responses=reading())
def list_reports(
    request: Request,
    _reader: Reader,
    campaign: Text | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[schemas.ReportView]:
    """Newest first, without their contents."""
    with session_of(request) as session:
        found = reports.reports(session, campaign=campaign, limit=limit)
        return [schemas.ReportView.model_validate(each) for each in found]


@router.post("/reports/", status_code=202, summary="Create a report", responses=writing())
def make_report(request: Request, caller: Writer, form: ReportForm | None = None) -> Triggered:
    """The event `completion_report_ready` announces the end."""
    asked, settings = form or ReportForm.model_validate({}), settings_of(request)
    with session_of(request) as session:
        accepted = services.report(
            session, asked.campaign, by=caller.name, source=SOURCE, settings=settings,
            mail=asked.mail,
        )  # fmt: skip
    return triggered(accepted, settings)


@router.get(
    "/reports/{report_id}.md",
    summary="A report as Markdown",
    response_class=Response,
    responses=reading(404) | {200: {"content": {"text/markdown": {}}}},
)
def report_markdown(report_id: ReportId, request: Request, _reader: Reader) -> Response:
    """As it was mailed."""
    with session_of(request) as session:
        text = reports.report(session, report_id).markdown
    return Response(text, media_type="text/markdown; charset=utf-8")


@router.get(
    "/reports/{report_id}.csv",
    summary="A report as CSV",
    response_class=Response,
    responses=reading(404) | {200: {"content": {"text/csv": {}}}},
)
def report_table(report_id: ReportId, request: Request, _reader: Reader) -> Response:
    """A row for each requested path."""
    with session_of(request) as session:
        found = reports.report(session, report_id)
        name, text = f"completion-{found.campaign}-{found.id}.csv", as_csv.table(found.body)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/reports/{report_id}/", summary="One report", responses=reading(404))
def get_report(report_id: ReportId, request: Request, _reader: Reader) -> schemas.ReportDetailView:
    """With its contents."""
    with session_of(request) as session:
        return schemas.ReportDetailView.model_validate(reports.report(session, report_id))
