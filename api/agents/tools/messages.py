"""Messages of the testbed, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

import json
import re
from typing import Final

from pydantic import BaseModel
from sqlalchemy import ColumnElement

from api.agents.queries.messages import IN_BRIEF
from api.http.collections import store
from api.http.fields import UtcTime
from api.http.tools.answers import Page, page
from api.http.tools.arguments import Limit, Name, Offset, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox

toolbox = Toolbox()

_SHOWN: Final = 200  # characters of a message's content
_NOTHING: Final = (None, "null", "{}", "[]", '""', "0", "false")
_ESCAPED: Final = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.")


class MessageItem(BaseModel):
    """A message."""

    message_type: str
    sender_agent: str | None
    namespace: str | None
    sent_at: UtcTime
    execution_id: str | None
    run_id: str | None
    payload_summary: str | None


@toolbox.tool("list_messages", "swf_list_messages")
def list_messages(
    call: Call,
    *,
    namespace: Name | None = None,
    execution_id: Name | None = None,
    agent: Name | None = None,
    message_type: Name | None = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[MessageItem]:
    """Messages that agents, prodops and people have sent, the newest first.

    They are those of the last hour unless start_time says otherwise. To see how a workflow goes,
    use get_workflow_monitor; for errors, list_logs.
    """
    column = {name: each.column for name, each in IN_BRIEF.filters.items()}
    wanted: list[ColumnElement[bool]] = [column["start_time"] >= since(start_time, hours=1)]
    wanted += [column["end_time"] <= end_time] if end_time else []
    wanted += [column["namespace"] == namespace] if namespace else []
    wanted += [column["execution_id"] == execution_id] if execution_id else []
    wanted += [column["sender_agent"] == agent] if agent else []
    wanted += [column["message_type"] == message_type] if message_type else []
    total, rows = store.newest(call.session, IN_BRIEF, *wanted, limit=limit, offset=offset)
    items = [
        MessageItem.model_validate({**row, "payload_summary": summary(row["begin"])})
        for row in rows
    ]
    urls = [call.shown_at("Workflows", "/workflows/", namespace=namespace)]
    return page(items, total, offset=offset, urls=urls)


def summary(begin: str | None) -> str | None:
    """The begin of a content's JSON as people read it: what is escaped in vain is not escaped."""
    if begin in _NOTHING:
        return None
    return _ESCAPED.sub(_read, begin)[:_SHOWN]


def _read(escaped: re.Match[str]) -> str:
    text = escaped[0]
    if len(text) <= len(r"\u"):  # of another kind, or cut off
        return text
    read = json.dumps(json.loads(f'"{text}"'), ensure_ascii=False)[1:-1]
    return read.encode(errors="replace").decode()  # half a character, where the begin ends
