"""The Production Configuration System, over HTTP: the embedded one or another.

Needs its address and a token, both passed in.
"""

from __future__ import annotations

from blocks.pcs_service.catalogue import Campaign, PcsCatalogue, RequestedInput, Survey
from blocks.pcs_service.client import COMPLETED_BY, FAILED_BY, PcsService
from blocks.pcs_service.errors import (
    NotAllowed,
    PcsConflict,
    PcsRefused,
    PcsUnavailable,
    RouteMissing,
    TaskUnknown,
)
from blocks.pcs_service.models import Attempt, ProdTask

__all__ = [
    "COMPLETED_BY",
    "FAILED_BY",
    "Attempt",
    "Campaign",
    "NotAllowed",
    "PcsCatalogue",
    "PcsConflict",
    "PcsRefused",
    "PcsService",
    "PcsUnavailable",
    "ProdTask",
    "RequestedInput",
    "RouteMissing",
    "Survey",
    "TaskUnknown",
]
