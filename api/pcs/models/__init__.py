"""Tables of the embedded Production Configuration System (columns: ops contract section 2.2)."""

from __future__ import annotations

from api.pcs.models.datasets import (
    Campaign,
    Dataset,
    Lifecycle,
    PhysicsCategory,
    Tag,
    TagCounter,
    TagKind,
    TagStatus,
)
from api.pcs.models.production import (
    Association,
    Attempt,
    ProdConfig,
    ProdRequest,
    ProdTask,
    TaskStatus,
)

__all__ = [
    "Association",
    "Attempt",
    "Campaign",
    "Dataset",
    "Lifecycle",
    "PhysicsCategory",
    "ProdConfig",
    "ProdRequest",
    "ProdTask",
    "Tag",
    "TagCounter",
    "TagKind",
    "TagStatus",
    "TaskStatus",
]
