"""Log lines as JSON: an object a line, with what it is about."""

from __future__ import annotations

import json
import logging

from deployments.log_lines import JsonEvents, JsonRecords
from deployments.log_table.rows import Source

SOURCE = Source(app_name="run", instance_name="here:7", about={"request_id": "41"})


def test_a_record_becomes_an_object_on_one_line():
    record = logging.LogRecord("door", logging.ERROR, "/x/door.py", 12, "%s\nfell", ("it",), None)
    line = JsonRecords(SOURCE).format(record)
    assert "\n" not in line
    said = json.loads(line)
    assert (said["level"], said["part"], said["logger"]) == ("ERROR", "run", "door")
    assert (said["message"], said["request_id"]) == ("it\nfell", "41")


def test_an_event_of_structlog_has_the_same_form():
    event = {"event": "x", "level": "info", "timestamp": "2026-08-01T12:00:00Z", "request": 7}
    said = json.loads(JsonEvents(SOURCE)(None, "info", event))
    assert said["timestamp"] == "2026-08-01T12:00:00Z"
    assert (said["message"], said["request_id"]) == ("x request=7", "7")
