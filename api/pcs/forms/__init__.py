"""The bodies that the embedded PCS takes; what each refuses, it refuses by the field's name."""

from __future__ import annotations

from api.pcs.forms.catalogue import (
    CategoryForm,
    TagForm,
    PhysicsTagForm,
    CampaignForm,
    DatasetForm,
    DatasetIntakeForm,
)
from api.pcs.forms.production import (
    ProdConfigForm,
    ProdRequestForm,
)
from api.pcs.forms.tasks import (
    TaskForm,
    TaskIntakeForm,
    StatusForm,
    InputForm,
    OperationForm,
    RetryForm,
    AddRetryForm,
)
from api.pcs.forms.records import (
    SubmissionForm,
    FailureForm,
    ObservationForm,
    AssociationForm,
    CatalogForm,
)

__all__ = [
    "AddRetryForm",
    "AssociationForm",
    "CampaignForm",
    "CatalogForm",
    "CategoryForm",
    "DatasetForm",
    "DatasetIntakeForm",
    "FailureForm",
    "InputForm",
    "ObservationForm",
    "OperationForm",
    "PhysicsTagForm",
    "ProdConfigForm",
    "ProdRequestForm",
    "RetryForm",
    "StatusForm",
    "SubmissionForm",
    "TagForm",
    "TaskForm",
    "TaskIntakeForm",
]
