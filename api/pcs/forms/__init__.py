"""The bodies that the embedded PCS takes; what each refuses, it refuses by the field's name."""

from __future__ import annotations

from api.pcs.forms.catalogue import (
    CampaignForm,
    CategoryForm,
    DatasetForm,
    DatasetIntakeForm,
    PhysicsTagForm,
    TagForm,
)
from api.pcs.forms.production import (
    ProdConfigForm,
    ProdRequestForm,
)
from api.pcs.forms.records import (
    AssociationForm,
    CatalogForm,
    FailureForm,
    ObservationForm,
    SubmissionForm,
)
from api.pcs.forms.tasks import (
    AddRetryForm,
    InputForm,
    OperationForm,
    RetryForm,
    StatusForm,
    TaskForm,
    TaskIntakeForm,
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
