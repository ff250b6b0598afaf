"""The fetch of a payload log as a flow: three tasks, of which only the finding is repeated.

What a door does is bounded by its own limits and answered by another replica, not by another try.
"""

from __future__ import annotations

from typing import Any, Final

from prefect import flow

from flows.common.steps import step
from flows.payload_logs import copying, finding, publishing
from flows.payload_logs.actions import FetchPayloadLog
from flows.payload_logs.fetching import Steps, fetch
from flows.payload_logs.pruning import prune_payload_logs

__all__ = ("fetch_payload_log", "prune_payload_logs")

_DELAYS: Final = (0.5, 2.0)  # the reader waits: a longer outage is told, and asked for again

_STEPS: Final = Steps(
    find=step("find the log", delays=_DELAYS)(finding.find),
    copy=step("copy the log", is_repeatable=False)(copying.copy),
    publish=step("publish the log", is_repeatable=False)(publishing.publish),
)


@flow(name="fetch-payload-log", persist_result=False)
def fetch_payload_log(  # noqa: PLR0917 - the action's parameters are the flow's arguments
    pandaid: int,
    jeditaskid: int | None = None,
    scope: str | None = None,
    lfn: str | None = None,
    force: bool = False,  # noqa: FBT001, FBT002
    requested_by: str = "",
) -> dict[str, Any]:
    """Fetch the log of a PanDA job from storage, check it, and publish its members.

    Returns:
        The record: members, and source, the RSE or `cache`.
    """
    order = FetchPayloadLog(
        pandaid=pandaid,
        jeditaskid=jeditaskid,
        scope=scope,
        lfn=lfn,
        force=force,
        requested_by=requested_by,
    )
    return fetch(order, _STEPS)
