"""Bad messages by seeded mutation of good ones, as agents send them. Pure."""

from __future__ import annotations

import random
from typing import Any, Final

from deployments.bench.abuse import oddities, values
from deployments.bench.abuse.inputs import HttpInput
from deployments.bench.abuse.operations import Operation

PATH: Final = "/api/messages/"
_TYPES: Final = (
    "stf_ready",
    "data_ready",
    "run_imminent",
    "start_run",
    "pause_run",
    "resume_run",
    "end_run",
    "stf_gen",
    "tf_file_registered",
    "fastmon_status",
    "flow_run_state",
    "connected",
    "heartbeat",
    "prodtask_submitted",
    "agent_heartbeat",
)


def good_message(number: int, msg_type: str = "stf_ready") -> dict[str, Any]:
    """A message that announces a file, or another that an agent sends."""
    return {
        "msg_type": msg_type,
        "namespace": f"abuse{number % 3}",
        "run_id": str(700_000 + number % 5),
        "execution_id": f"abuse-{number}",
        "filename": f"swf.{700_000 + number % 5}.{number:06d}.stf",
        "sequence": number,
        "size_bytes": 2147483648,
        "tf_count": 1000,
        "checksum": "ad:12345678",
        "file_url": "file:///data/x.stf",
        "state": "run",
        "substate": "physics",
        "sender": "abuse",
        "processed_by": "abuse",
    }


def bad_message(number: int, operation: Operation, chance: random.Random) -> HttpInput:
    """A message with something wrong in it."""
    body = good_message(number, chance.choice(_TYPES) if chance.random() < 0.5 else "stf_ready")  # noqa: PLR2004
    sent = chance.choices(
        (values.with_bad_value, values.with_bad_shape, values.broken), weights=(7, 2, 1)
    )[0](body, chance)
    return HttpInput("message", "POST", PATH, operation, (oddities.JSON,), sent)
