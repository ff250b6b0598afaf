"""supervisord's configuration, generated: nothing of it is written by hand."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable

from deployments.os_user import user_name
from deployments.stack.layout import Layout
from deployments.stack.parts import Part

_LOG_BYTES = "10MB"
_LOG_BACKUPS = 3
START_SECONDS = 2
START_RETRIES = 8
"""Tries in a row, each a second later than the last, before supervisord gives a part up."""


def supervisor_config(
    layout: Layout,
    parts: Iterable[Part],
    *,
    is_daemon: bool = False,
    start_retries: int = START_RETRIES,
) -> str:
    """The configuration that keeps `parts` alive; each is started by `deployments.stack.child`.

    Paths are relative to the state directory (``%(here)s``), so that none has to be quoted.

    Args:
        layout: Where everything is.
        parts: What is kept alive.
        is_daemon: Whether supervisord goes into the background, and outlives who starts it.
        start_retries: Tries in a row before a part is given up.
    """
    programs = [_program(part, start_retries) for part in parts]
    return "\n".join([_supervisord(layout, is_daemon=is_daemon), *programs])


def _supervisord(layout: Layout, *, is_daemon: bool) -> str:
    # supervisord warns at every start when it runs as root and is not told to
    user = f"user = {user_name()}\n" if os.geteuid() == 0 else ""
    is_beside = layout.socket.parent == layout.state_dir
    socket = f"%(here)s/{layout.socket.name}" if is_beside else layout.socket
    return f"""\
[unix_http_server]
file = {socket}
chmod = 0700

[supervisord]
nodaemon = {str(not is_daemon).lower()}
silent = true
{user}directory = %(here)s
pidfile = %(here)s/{layout.supervisor_pid.name}
logfile = %(here)s/logs/{layout.supervisor_log.name}
logfile_maxbytes = {_LOG_BYTES}
logfile_backups = {_LOG_BACKUPS}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def _program(part: Part, start_retries: int) -> str:
    is_final = part.final_exit_code is not None
    restart = f"unexpected\nexitcodes = {part.final_exit_code}" if is_final else "true"
    return f"""\
[program:{part.name}]
command = "{sys.executable.replace("%", "%%")}" -P -m deployments.stack.child parts/{part.name}.json
directory = %(here)s
priority = {part.priority}
autostart = false
autorestart = {restart}
startsecs = {START_SECONDS}
startretries = {start_retries}
stopsignal = {part.stop_signal}
stopwaitsecs = {math.ceil(part.stop_seconds)}
stopasgroup = {str(part.is_group_stopped).lower()}
killasgroup = true
redirect_stderr = true
stdout_logfile = %(here)s/logs/{part.name}.log
stdout_logfile_maxbytes = {_LOG_BYTES}
stdout_logfile_backups = {_LOG_BACKUPS}
"""
