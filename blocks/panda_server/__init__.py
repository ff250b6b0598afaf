"""The PanDA server: tasks and jobs looked up and operated over REST, tokens for it, and prun.

Needs its address, its VO and a token, all passed in.
"""

from __future__ import annotations

from blocks.panda_server.client import PandaServer, origin_of
from blocks.panda_server.errors import PandaRefused, PrunMissing, TokenRefused, UnsafePath
from blocks.panda_server.prun import run_prun
from blocks.panda_server.prun_environment import prun_environment
from blocks.panda_server.tasks import PandaTask
from blocks.panda_server.tokens import CachedToken, RobotToken, TokenSource

__all__ = [
    "CachedToken",
    "PandaRefused",
    "PandaServer",
    "PandaTask",
    "PrunMissing",
    "RobotToken",
    "TokenRefused",
    "TokenSource",
    "UnsafePath",
    "origin_of",
    "prun_environment",
    "run_prun",
]
