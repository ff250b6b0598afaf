"""What the sandbox has for the canary: a job with a small log, and a small campaign."""

from __future__ import annotations

from typing import Final

from flows.common.settings import Settings

JOB: Final = 500_000
"""Just below those that are put there by hand."""
TASK: Final = 500_000
"""Of which JEDI knows nothing."""
LOG: Final = ("group.EIC", "canary.000001.log.tgz")
"""Scope and name of its log in Rucio."""
CAMPAIGN: Final = "canary"


def canary_environment(settings: Settings) -> dict[str, str]:
    """The settings by which the canary walks through what the sandbox has for it."""
    if not settings.sandbox.grid:
        return {}
    of_log = {"PRODOPS_CANARY_LOG_JOB": str(JOB)} if settings.sandbox.panda else {}
    return {"PRODOPS_CANARY_CAMPAIGN": CAMPAIGN} | of_log
