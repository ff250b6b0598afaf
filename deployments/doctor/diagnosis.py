"""The doctor's visit: finds out where it is, makes the checks, and reports."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.doctor.examination import examine
from deployments.doctor.findings import Check
from deployments.doctor.report import Report
from deployments.doctor.site import Side, open_site
from flows.common import version


def diagnosed(checks: Sequence[Check], *, side: Side | None, timeout_seconds: float) -> Report:
    """What the checks find here; nothing keeps them from being made."""
    site = open_site(side=side, timeout_seconds=timeout_seconds)
    began = site.clock()
    return Report(
        side=site.side,
        at=began,
        version=str(version.present()),
        examined=examine(checks, site),
    )
