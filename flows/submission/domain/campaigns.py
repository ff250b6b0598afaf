"""The campaign that a task is of, by its name. Pure."""

from __future__ import annotations

import re
from typing import Final

# `group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1` (source: ops contract, composed names).
_CAMPAIGN: Final = re.compile(r"(?:^|\.)(\d{2}\.\d{2}\.\d{1,3})(?=\.|$)")


def of_task_name(name: str) -> str | None:
    """The campaign in a composed name; None where it holds none."""
    found = _CAMPAIGN.search(name)
    return found[1] if found else None
