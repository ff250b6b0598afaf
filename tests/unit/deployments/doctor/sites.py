"""Sites for the doctor's checks, without anything behind them."""

from __future__ import annotations

from typing import Any

from deployments.doctor.site import Side, Site
from flows.common.settings import settings


def site(**more: Any) -> Site:
    given = {"side": Side.OPS, "environment": {}, "timeout_seconds": 5.0, "loaded": settings()}
    return Site(**given | more)
