"""Every check of the doctor, in the order in which they are told."""

from __future__ import annotations

from typing import Final

from deployments.doctor.findings import Check
from deployments.doctor.subjects import (
    canary,
    clocks,
    configuration,
    credentials,
    database,
    disks,
    machine,
    outsides,
    parts,
    prefect,
)

CHECKS: Final[tuple[Check, ...]] = (
    *configuration.CHECKS,
    *database.CHECKS,
    *prefect.CHECKS,
    *parts.CHECKS,
    *canary.CHECKS,
    *credentials.CHECKS,
    *clocks.CHECKS,
    *disks.CHECKS,
    *machine.CHECKS,
    *outsides.CHECKS,
)
