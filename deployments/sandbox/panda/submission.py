"""PanDA's methods that a submission uses: the cache of sandboxes, and the task itself."""

from __future__ import annotations

import re
from typing import Any

from deployments.sandbox.panda.protocol import Envelope, Upload
from deployments.sandbox.panda.registry import Panda, get, post
from deployments.sandbox.panda.tokens import Caller

_ID = re.compile(r"jediTaskID=(\d+)")
_REACTIVATED = 3


@get("system/is_alive", is_secure=False)
def is_alive(_panda: Panda, _caller: Caller | None) -> Envelope:
    """Whether the server answers."""
    return Envelope(True, "alive=yes")


@post("file_server/validate_cache_file")
def validate_cache_file(panda: Panda, caller: Caller, *, file_size: int, checksum: int) -> Envelope:
    """Whether the same sandbox was uploaded before."""
    return panda.cache.find(caller.user_name, file_size, checksum)


@post("file_server/upload_cache_file")
def upload_cache_file(panda: Panda, caller: Caller, *, file: Upload) -> Envelope:
    """Keep a sandbox."""
    return panda.cache.keep(file, caller.user_name)


@post("task/submit")
def submit(
    panda: Panda, caller: Caller, *, task_parameters: dict[str, Any], parent_tid: int | None = None
) -> Envelope:
    """Insert a task."""
    code, message = panda.state.submit(task_parameters, caller, parent_tid)
    if code not in {0, _REACTIVATED}:
        return Envelope(False, message, code)
    found = _ID.search(message)
    return Envelope(True, message, int(found.group(1)) if found else None)
