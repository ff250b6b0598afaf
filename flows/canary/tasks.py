"""The legs of the walk, a task each; what they send as data taking does is removed again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from blocks.errors import ProdOpsError
from blocks.monitor_api.actions import ActionState
from blocks.monitor_api.stream import StreamFilter
from flows.canary import outside, repository
from flows.canary.domain import Leg, LegState, Walked
from flows.canary.legs import EndNotHeard, LegFailed, LegSkipped, LegUnknown, monitor_of
from flows.common import outages, run
from flows.common.canary import NAMESPACE, RUN_NUMBER
from flows.common.claims import ClaimLost
from flows.common.database_errors import DatabaseUnavailable
from flows.common.flow import task
from flows.common.outsides import PANDA, RUCIO_LOGS, RUCIO_PRODUCED, Outside
from flows.common.run import Run

_TFS: Final = 10
_WAITS: Final = "queued"
_OUR_OWN: Final = (ClaimLost, DatabaseUnavailable)  # which end the run, and say nothing of a leg


@task("walk a leg", delays=())
def walk(leg: Leg) -> Walked:
    """Walk a leg; whatever is wrong with it is in what this gives.

    Raises:
        ClaimLost, DatabaseUnavailable: The run itself cannot go on.
    """
    began = time.monotonic()
    try:
        state, text = LegState.PASSED, _WALKS[leg](run.current())
    except _OUR_OWN:
        raise
    except LegSkipped as skipped:
        state, text = LegState.SKIPPED, str(skipped)
    except LegUnknown as unknown:
        state, text = LegState.UNKNOWN, str(unknown)
    except ProdOpsError as error:
        state, text = LegState.FAILED, str(error)
    return Walked(leg=leg, state=state, seconds=round(time.monotonic() - began, 3), text=text)


def _messages(present: Run) -> str:
    """Send a message about an STF, and hear of its TFs as any client does."""
    monitor, claim = monitor_of(present.settings), present.claim
    name = f"canary.{claim.request_id}.{claim.attempt}.stf"
    present.write(lambda session, _: repository.remove_traces(session))
    try:
        with monitor.sender() as api:
            event_id = api.send(_stf_ready(name)).get("message_id")
        wanted = StreamFilter(msg_types=("tf_file_registered",), namespaces=(NAMESPACE,))
        for event in monitor.heard(wanted, after=event_id):
            if event.data.get("stf_filename") == name:
                recorded = present.read(lambda session: repository.count_tfs(session, name))
                return f"{recorded} TF files were recorded, and heard of on the stream"
        raise LegFailed(f"no TF of {name} was heard of on the stream in time")
    finally:
        present.write(lambda session, _: repository.remove_traces(session))


def _stf_ready(name: str) -> dict[str, object]:
    """The message about an STF that is always sampled, since it says that it is the run's first."""
    return {
        "msg_type": "stf_ready",
        "namespace": NAMESPACE,
        "run_id": str(RUN_NUMBER),
        "filename": name,
        "sequence": 1,
        "size_bytes": 1024,
        "tf_count": _TFS,
        "sender": NAMESPACE,
        "processed_by": NAMESPACE,
    }


def _requests(present: Run) -> str:
    """Ask for the least that a flow does."""
    ended = _done(present, "check_pipeline", {})
    seconds = (ended.result or {}).get("trigger_to_start_s")
    return f"request {ended.id} was run, {seconds} s after it was asked for"


def _log(present: Run) -> str:
    """Fetch the log of the job that is set, anew."""
    job = present.settings.canary.log_job
    if job is None:
        raise LegSkipped("no job is set: PRODOPS_CANARY_LOG_JOB")
    form = {"pandaid": job, "force": True}
    ended = _done(present, "fetch_payload_log", form, (PANDA, RUCIO_LOGS))
    source = (ended.result or {}).get("source")
    return f"the log of job {job} was fetched from {source}"


def _sweep(present: Run) -> str:
    """Sweep the campaign that is set."""
    campaign = present.settings.canary.campaign
    if campaign is None:
        raise LegSkipped("no campaign is set: PRODOPS_CANARY_CAMPAIGN")
    if present.settings.worker.background_limit < 2:  # noqa: PLR2004 - this run, and the sweep
        raise LegSkipped(
            "PRODOPS_WORKER_LIMIT leaves one slot to work in the background: no sweep runs while "
            "this does"
        )
    try:
        ended = _done(
            present, "campaign_provenance_sweep", {"campaign": campaign}, (RUCIO_PRODUCED,)
        )
    except EndNotHeard as late:
        if late.state.state == _WAITS:
            raise LegUnknown(f"{late}: the slots of background work are taken") from late
        raise
    result = ended.result or {}
    found = f"{result.get('datasets')} datasets and {result.get('files')} files"
    return f"{campaign} was swept: {found}"


def _rucio(present: Run) -> str:
    """Read the dataset that is set; else ask Rucio who we are."""
    did = present.settings.canary.did
    if did is None:
        return outside.ask_rucio(present.sources, seconds=present.settings.canary.leg_seconds)
    scope, _, name = did.partition(":")
    _done(present, "read_did", {"scope": scope, "name": name}, (RUCIO_PRODUCED,))
    return f"{did} was read"


def _done(
    present: Run, action: str, form: Mapping[str, object], behind: tuple[Outside, ...] = ()
) -> ActionState:
    """What a request is whose run completed.

    Args:
        present: The canary's run.
        action: What is asked for.
        form: Its parameters.
        behind: The outside services that it needs: where one does not answer, nothing is known.

    Raises:
        LegUnknown: It did not complete, and a service outside does not answer, or did not.
        LegFailed: It did not complete.
    """
    try:
        ended = monitor_of(present.settings).ended(action, dict(form))
        if ended.state == "completed":
            return ended
        failure = f"{action}: request {ended.id} {ended.state}: {ended.error or 'nobody says why'}"
        raise (LegUnknown if outages.is_in(ended.result) else LegFailed)(failure)
    except LegFailed as failure:
        try:
            outside.require_answers(present.sources, *behind)
        except LegUnknown as away:
            raise LegUnknown(f"{failure}; {away}") from failure
        raise


_WALKS: Final[Mapping[Leg, Callable[[Run], str]]] = {
    Leg.MESSAGES: _messages,
    Leg.REQUESTS: _requests,
    Leg.LOG: _log,
    Leg.SWEEP: _sweep,
    Leg.RUCIO: _rucio,
}
