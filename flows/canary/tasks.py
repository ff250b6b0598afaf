"""The legs of the walk, a task each; none of them leaves anything behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from blocks.checks import Check, find
from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.monitor_api.stream import StreamFilter
from blocks.rucio_catalog.check import checks as checks_of_rucio
from flows.canary import repository
from flows.canary.domain import Leg, LegState, Walked
from flows.canary.legs import LegFailed, LegSkipped, LegUnknown, monitor_of
from flows.common import adapters, run
from flows.common.canary import NAMESPACE, RUN_NUMBER
from flows.common.claims import ClaimLost
from flows.common.database_errors import DatabaseUnavailable
from flows.common.flow import task
from flows.common.outsides import RUCIO_LOGS, RUCIO_PRODUCED
from flows.common.run import Run

_TFS: Final = 10
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
    ended = monitor_of(present.settings).ended("check_pipeline", {})
    if ended.state != "completed":
        raise LegFailed(f"check_pipeline {ended.state}: {ended.error or 'no reason is known'}")
    seconds = (ended.result or {}).get("trigger_to_start_s")
    return f"request {ended.id} was run, {seconds} s after it was asked for"


def _log(present: Run) -> str:
    """Fetch the log of the job that is set."""
    job = present.settings.canary.log_job
    if job is None:
        raise LegSkipped("no job is set: PRODOPS_CANARY_LOG_JOB")
    monitor = monitor_of(present.settings)
    ended = monitor.ended("fetch_payload_log", {"pandaid": job, "force": True})
    if ended.state != "completed":
        raise LegFailed(f"the log of job {job} {ended.state}: {ended.error}")
    return f"the log of job {job} was fetched"


def _rucio(present: Run) -> str:
    """Read the dataset that is set; else ask Rucio who we are."""
    did = present.settings.canary.did
    if did is None:
        return _asked(present)
    scope, _, name = did.partition(":")
    ended = monitor_of(present.settings).ended("read_did", {"scope": scope, "name": name})
    if ended.state != "completed":
        raise LegFailed(f"{did} {ended.state}: {ended.error}")
    return f"{did} was read"


def _asked(present: Run) -> str:
    sources = present.sources
    if sources.has(RUCIO_PRODUCED):
        configured, proxy = adapters.rucio_produced(sources), None
    elif sources.has(RUCIO_LOGS):
        configured, proxy = adapters.rucio_logs(sources), adapters.proxy_file(sources)
    else:
        raise LegSkipped("no Rucio is configured, and no dataset is set: PRODOPS_CANARY_DID")
    seconds = present.settings.canary.leg_seconds
    found = [_checked(each, seconds) for each in checks_of_rucio(configured, proxy)]
    return "; ".join(found[1:])  # the first says that files can be read


def _checked(check: Check, seconds: float) -> str:
    """What the check finds; whether it is the outside that does not answer is told apart."""
    away: list[OutsideUnavailable] = []

    def look() -> str:
        try:
            return check.look()
        except OutsideUnavailable as error:
            away.append(error)
            raise

    found = find(replace(check, look=look), seconds=seconds)
    if found.is_good:
        return found.text
    is_silent = found.text.startswith("no answer within")
    raise (LegUnknown if away or is_silent else LegFailed)(f"Rucio, {found.what}: {found.text}")


_WALKS: Final[Mapping[Leg, Callable[[Run], str]]] = {
    Leg.MESSAGES: _messages,
    Leg.REQUESTS: _requests,
    Leg.LOG: _log,
    Leg.RUCIO: _rucio,
}
