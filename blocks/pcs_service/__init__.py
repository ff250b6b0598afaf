"""The Production Configuration System, over HTTP: the embedded one or another.

Needs its address and a token, both passed in.
"""

from __future__ import annotations

from blocks.pcs_service.catalogue import Campaign, RequestedInput, Survey
from blocks.pcs_service.client import PcsService
from blocks.pcs_service.errors import NotAllowed, PcsConflict, PcsRefused, RouteMissing, TaskUnknown
from blocks.pcs_service.models import Attempt, ProdTask

__all__ = [
    "Attempt",
    "Campaign",
    "NotAllowed",
    "PcsConflict",
    "PcsRefused",
    "PcsService",
    "ProdTask",
    "RequestedInput",
    "RouteMissing",
    "Survey",
    "TaskUnknown",
]
