"""What an assistant remembers of a user, for the assistants that ask for it.

Source: fastmon contract section 7.4.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api.ai_memory import queries
from api.ai_memory.models import AiMessage
from api.http.tools.arguments import Name
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from flows.common.callers import Scope
from flows.common.text import Text

toolbox = Toolbox()

_Whose = Annotated[Text, Field(min_length=1, max_length=150, description="You.")]
_Session = Annotated[Text, Field(min_length=1, max_length=200, description="Id of your session.")]
_Content = Annotated[Text, Field(min_length=1, max_length=50_000, description="What was said.")]
_Path = Annotated[Text, Field(max_length=1000, description="Directory of the project.")]
_Turns = Annotated[int, Field(ge=1, le=100, description="A turn is a question and its answer.")]
_Offset = Annotated[
    int, Field(ge=0, le=queries.MOST_KEPT, description="Newest turns to leave out.")
]


@toolbox.tool("record_ai_memory", "swf_record_ai_memory", scope=Scope.REQUEST)
def record_ai_memory(
    call: Call,
    *,
    username: _Whose,
    session_id: _Session,
    role: Literal["user", "assistant"],
    content: _Content,
    namespace: Name | None = None,
    project_path: _Path | None = None,
) -> dict[str, Any]:
    """Keep a message of this session for the next one, where get_ai_memory finds it.

    Only what the person wants kept, and never a token, a password or a key. Of each person the
    newest 2000 messages are kept.
    """
    whose = call.caller.speaking_for(username).name
    message = AiMessage(
        username=whose,
        session_id=session_id,
        role=role,
        content=content,
        namespace=namespace,
        project_path=project_path,
    )
    queries.keep(call.session, message)
    return {
        "success": True,
        "id": message.id,
        "username": whose,
        "role": role,
        "content_length": len(content),
    }


@toolbox.tool("get_ai_memory", "swf_get_ai_memory")
def get_ai_memory(
    call: Call,
    *,
    username: _Whose,
    turns: _Turns = 20,
    namespace: Name | None = None,
    offset: _Offset = 0,
) -> dict[str, Any]:
    """What was said in earlier sessions, the oldest first; only your own person's messages.

    Use it when a session begins; record_ai_memory keeps what it finds. It answers the newest turns;
    offset leaves out so many of these, to read what was said before.
    """
    whose = call.caller.speaking_for(username).name
    found = queries.newest(
        call.session, whose, namespace=namespace, limit=2 * turns, offset=2 * offset
    )
    return {
        "items": [_shown(each) for each in found],
        "count": len(found),
        "username": whose,
        "turns_requested": turns,
        "namespace": namespace,
    }


def _shown(message: AiMessage) -> dict[str, str]:
    return {
        "role": message.role,
        "content": message.content,
        "created_at": message.created_at.isoformat(),
        "session_id": message.session_id,
    }
