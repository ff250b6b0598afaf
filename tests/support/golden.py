"""Answers as they are recorded: with placeholders for what differs each time."""

from __future__ import annotations

import re
from typing import Any

DIFFERING = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)": "<time>",
    r"\b\d\d:\d\d:\d\d\b": "<clock>",
    r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b": "<uuid>",
    r"/requests/\d+/": "/requests/<id>/",
    r"request_id=\d+": "request_id=<id>",
}
IDS = {"id", "request_id", "message_id"}


def normalised(value: Any, url: str, key: str = "") -> Any:
    """The value with placeholders.

    Args:
        value: An answer, or a part of it.
        url: Address of the monitor that answered.
        key: What the value stands under.
    """
    if isinstance(value, dict):
        return {name: normalised(each, url, name) for name, each in value.items()}
    if isinstance(value, list):
        return [normalised(each, url, key) for each in value]
    if isinstance(value, str):
        text = value.replace(url, "<monitor>")
        for pattern, placeholder in DIFFERING.items():
            text = re.sub(pattern, placeholder, text)
        return text
    if type(value) is int and key in IDS:
        return "<id>"
    return "<seconds>" if isinstance(value, float) and key.endswith("_seconds") else value
