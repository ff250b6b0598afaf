"""Log records, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement

from api.agents.queries.logs import LOGS
from api.http.collections import store
from api.http.fields import UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import LARGEST_ID, Limit, Name, Offset, Text, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from blocks.errors import NotFound
from flows.agents.models import LOGGED_EXECUTION

toolbox = Toolbox()

_HOURS: Final = 24
LogId = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class LogNotFound(NotFound):
    """There is no log record of that id."""


class Level(StrEnum):
    """How bad a record is, from the least."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"

    @classmethod
    def _missing_(cls, value: object) -> Level | None:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None


class LogItem(BaseModel):
    """A log record."""

    id: int
    timestamp: UtcTime
    app_name: str
    instance_name: str
    level: str = Field(validation_alias="levelname")
    message: str
    module: str
    funcname: str
    lineno: int
    extra_data: Any


class LogDetail(LogItem):
    """A log record, with the process that wrote it."""

    process: int
    thread: int
    monitor_urls: list[MonitorUrl]


@toolbox.tool("list_logs", "swf_list_logs")
def list_logs(
    call: Call,
    *,
    app_name: Name | None = None,
    instance_name: Name | None = None,
    execution_id: Name | None = None,
    level: Annotated[Level | None, Field(description="This one and worse.")] = None,
    search: Annotated[Text | None, Field(description="Words in the message.")] = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[LogItem]:
    """What agents and parts have logged, the newest first.

    It is that of the last 24 hours unless start_time says otherwise. Use level ERROR to look for
    what went wrong; for the log of a grid job, use fetch_payload_log.
    """
    columns = LOGS.table.c
    begin = since(start_time, hours=_HOURS)
    wanted: list[ColumnElement[bool]] = [columns.timestamp >= begin]
    wanted += [columns.timestamp <= end_time] if end_time else []
    wanted += [columns.app_name == app_name] if app_name else []
    wanted += [columns.instance_name == instance_name] if instance_name else []
    if execution_id:
        wanted.append(LOGGED_EXECUTION.in_([execution_id]))
    wanted += [columns.level >= logging.getLevelNamesMapping()[level]] if level else []
    wanted += [columns.message.icontains(search, autoescape=True)] if search else []
    order = (columns.timestamp.desc(), columns.id.desc())
    total, rows = store.newest(call.session, LOGS, *wanted, order=order, limit=limit, offset=offset)
    items = [LogItem.model_validate(dict(row)) for row in rows]
    return page(items, total, offset=offset, urls=[call.shown_at("The log", "/logs/")])


@toolbox.tool("get_log_entry", "swf_get_log_entry")
def get_log_entry(call: Call, *, log_id: LogId) -> LogDetail:
    """One log record, whole, by the id that list_logs answers."""
    row = call.session.execute(LOGS.rows.where(LOGS.key == log_id)).mappings().one_or_none()
    if row is None:
        raise LogNotFound(f"There is no log record {log_id}; list_logs names them.")
    urls = [call.shown_at("The record over REST", f"/api/logs/{log_id}/")]
    return LogDetail.model_validate({**row, "monitor_urls": urls})
