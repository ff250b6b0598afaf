"""The PanDA server: tasks and jobs looked up and operated over REST, tokens for it, and prun.

Needs its address, its VO and a token, all passed in.
"""

from __future__ import annotations

from blocks.panda_server.client import PandaServer
from blocks.panda_server.errors import (
    PandaRefused,
    PandaUnavailable,
    PrunMissing,
    TokenRefused,
    UnsafePath,
)
from blocks.panda_server.identity import Identity
from blocks.panda_server.jobs import PandaJob, PandaLog
from blocks.panda_server.prun import PrunOutcome, require_plain, run_prun
from blocks.panda_server.prun_environment import prun_environment
from blocks.panda_server.tasks import ABORTING, ENDED, LIVE, PandaTask
from blocks.panda_server.tokens import CachedToken, RobotToken, TokenSource, renewal

__all__ = [
    "ABORTING",
    "ENDED",
    "LIVE",
    "CachedToken",
    "Identity",
    "PandaJob",
    "PandaLog",
    "PandaRefused",
    "PandaServer",
    "PandaTask",
    "PandaUnavailable",
    "PrunMissing",
    "PrunOutcome",
    "RobotToken",
    "TokenRefused",
    "TokenSource",
    "UnsafePath",
    "prun_environment",
    "renewal",
    "require_plain",
    "run_prun",
]
