"""The JSON that the embedded PCS answers with (ops contract section 2.6)."""

from __future__ import annotations

from api.pcs.views.catalogue import (
    CampaignView,
    CategoryView,
    DatasetView,
    PhysicsTagView,
    ProdConfigView,
    ProdRequestView,
    TagView,
    campaign_view,
    campaign_views,
    category_view,
    config_view,
    dataset_view,
    prod_request_view,
    tag_view,
)
from api.pcs.views.tasks import (
    AttemptView,
    OpenRequestView,
    SubmittedTaskView,
    TaskView,
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
    "campaign_views",
    "category_view",
    "config_view",
    "dataset_view",
    "prod_request_view",
    "tag_view",
    "task_view",
    "task_views",
]
