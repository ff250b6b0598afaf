"""The JSON that the embedded PCS answers with (ops contract section 2.6)."""

from __future__ import annotations

from api.pcs.views.catalogue import (
    CategoryView,
    TagView,
    PhysicsTagView,
    CampaignView,
    DatasetView,
    ProdConfigView,
    ProdRequestView,
    category_view,
    tag_view,
    campaign_view,
    dataset_view,
    config_view,
    prod_request_view,
)
from api.pcs.views.tasks import (
    AttemptView,
    OpenRequestView,
    TaskView,
    SubmittedTaskView,
    attempt_view,
    task_view,
    task_views,
)

__all__ = [
    "AttemptView",
    "CampaignView",
    "CategoryView",
    "DatasetView",
    "OpenRequestView",
    "PhysicsTagView",
    "ProdConfigView",
    "ProdRequestView",
    "SubmittedTaskView",
    "TagView",
    "TaskView",
    "attempt_view",
    "campaign_view",
    "category_view",
    "config_view",
    "dataset_view",
    "prod_request_view",
    "tag_view",
    "task_view",
    "task_views",
]
