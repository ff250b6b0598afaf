"""The form of an assessment that is registered; every size is bounded."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api.http.fields import JsonObject, refuse
from flows.common.text import keepable

MOST_CHARACTERS: Final = 100_000
_WEB_PATH: Final = r"^((https?://|/)[^\s<>\"']*)?$"
_KEPT: Final = AfterValidator(keepable)


def _bounded(data: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(data)) > MOST_CHARACTERS:
        raise refuse(f"Ensure this is no more than {MOST_CHARACTERS} characters of JSON.")
    return data


def _filled(max_length: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length)


Kind = Annotated[str, _filled(50), _KEPT]
Key = Annotated[str, _filled(500), _KEPT]
Body = Annotated[str, _filled(MOST_CHARACTERS), _KEPT]
User = Annotated[str, StringConstraints(max_length=150), _KEPT]
Model = Annotated[str, StringConstraints(max_length=200), _KEPT]
Label = Annotated[str, StringConstraints(max_length=500), _KEPT]
Address = Annotated[str, StringConstraints(max_length=1000, pattern=_WEB_PATH), _KEPT]
Data = Annotated[JsonObject, AfterValidator(_bounded)]


class AssessmentForm(BaseModel):
    """What an AI says about something, and which AI."""

    model_config = ConfigDict(extra="forbid")

    subject_type: Kind = Field(
        description="campaign_task, panda_task, panda_job, dataset, campaign, request, or another."
    )
    subject_key: Key = Field(
        description="The task's name, jediTaskID, PanDA job id, DID, campaign or request id."
    )
    assessment: Body = Field(description="The text; it is shown as it is, as Markdown's source.")
    username: User = Field(
        "mcp", description="Who registers it; a named service may name another user."
    )
    ai: Model = Field("unknown", description="The model that wrote it.")
    subject_label: Label = Field(
        "", description="What to show for the subject; empty: its own name."
    )
    subject_url: Address = Field(
        "", description="Where the subject is shown; empty: its page here."
    )
    data: Data = Field(default_factory=dict, description="Anything else about it, for programs.")
