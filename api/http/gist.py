"""What a message says, in one line for a table."""

from __future__ import annotations

from typing import Final

_ENVELOPE: Final = frozenset(
    {
        "msg_type", "namespace", "run_id", "sender", "sender_agent", "recipient_agent",
        "queue_name", "sent_at", "timestamp", "processed_by", "request_id",
    }
)  # fmt: skip
_LONGEST: Final = 240


def gist_of(payload: object) -> str:
    """What a message says beside its envelope."""
    if not isinstance(payload, dict):
        return ""
    said = (
        f"{key} {value}"
        for key, value in payload.items()
        if key not in _ENVELOPE and isinstance(value, str | int | float) and value != ""
    )
    text = ", ".join(said)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
