"""AI assessments, for the assistants that write them."""

from __future__ import annotations

from typing import Any

from api.assessments import services
from api.assessments.models import Assessment
from api.assessments.schemas import AssessmentForm
from api.http.links import prefix_of
from api.http.tools.calls import Call, door_of
from api.http.tools.declaration import Toolbox
from blocks.errors import NotFound, ProdOpsError
from flows.common.callers import Scope

toolbox = Toolbox(
    advice={NotFound: "pcs_prodtask_list, pcs_dataset_list and campaign_status tell what there is."}
)


class NotRegistered(NotFound):
    """What was said is about nothing that is known here."""

    def __init__(self, error: ProdOpsError) -> None:
        self.details = {"success": False}
        super().__init__(str(error))


@toolbox.tool("epicprod_register_ai_assessment", "epic_register_ai_assessment", scope=Scope.REQUEST)
def register(call: Call, form: AssessmentForm) -> dict[str, Any]:
    """Keep what you found out about a task, job, dataset or campaign, and show it on its page.

    Only what the person asked you to write down: it is added, and cannot be taken back. People see
    it as an AI's word that nobody has checked; name your model as ai.
    """
    try:
        added = services.register(call.session, form, call.caller, prefix=prefix_of(call.request))
    except NotFound as error:
        raise NotRegistered(error) from error
    return _registered(call, added)


def _registered(call: Call, row: Assessment) -> dict[str, Any]:
    names = ("id", "subject_type", "subject_key", "subject_label", "username", "ai")
    return {
        "success": True,
        **{name: getattr(row, name) for name in names},
        "subject_url": _whole(call, row.subject_url),
        "created_at": row.created_at.isoformat(),
        "linked": row.is_linked,
        # The original keeps a pointer in the subject's JSON; here the subject is found by its key.
        "json_field": "",
        "url": call.link("/api/assessments/"),
    }


def _whole(call: Call, url: str) -> str:
    """The address with our host where it is a path, as that of a page of ours is kept."""
    return f"{door_of(call.request)}{url}" if url.startswith("/") else url
