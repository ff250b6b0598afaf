"""The event of a history that begins anew."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field

from flows.common.messages import Announcement, Timestamp


class HistoryRestored(Announcement):
    """The database was restored from a backup; what was announced since then is lost.

    Its own id is far beyond those that were given out since the backup: none is used again.
    """

    SUBJECT: ClassVar = "nothing"

    msg_type: Literal["history_restored"]
    last_event_id: int = Field(
        description="The last event before it that is still there.", examples=[4711]
    )
    backup_at: Timestamp = Field(description="The state that was restored, in UTC.")


RESTORED: Final = "history_restored"
EVENTS = (HistoryRestored,)
