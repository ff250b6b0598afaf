"""The flows that look at Rucio: one campaign, all that are producing, the night's round, one DID.

What could not be asked, or was not answered whole, fails and changes nothing that stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import flow, get_run_logger

from blocks.errors import ProdOpsError
from blocks.pcs_service import Survey
from flows.common.database import now
from flows.common.requests import ClaimLost
from flows.provenance import did, ledger, outputs, snapshot, sweep
from flows.provenance.arrivals import look
from flows.provenance.arrivals.look import sweep_arrivals
from flows.provenance.evgen import update
from flows.provenance.evgen.registration import register_evgen
from flows.provenance.evgen.update import evgen_rucio_update
from flows.provenance.ledger import ProvenanceFailed
from flows.provenance.reports.report import report_completion
from flows.provenance.repository import Swept
from flows.provenance.steps import step
from flows.provenance.sweep import Order, SweepFailed
from flows.provenance.workplace import opened

__all__ = (
    "campaign_provenance_sweep",
    "evgen_rucio_update",
    "read_did",
    "register_evgen",
    "report_completion",
    "rucio_snapshot_update",
    "sweep_arrivals",
    "sweep_producing_campaigns",
)

ask_pcs = step("ask PCS what is requested")(sweep.survey)
sweep_rucio = step("sweep Rucio")(sweep.sweep)
note_failure = step("record the failure")(sweep.note_failure)
tell_pcs = step("tell PCS the outputs")(outputs.tell)
write_files = step("write the snapshot's files")(snapshot.write_files)
detect_releases = step("detect releases")(snapshot.detect_releases)
end_snapshot = step("record the snapshot")(snapshot.end)
read_rucio = step("read the DID")(did.read)
note_did = step("record the DID")(did.note)
note_did_failure = step("record that the DID was not read")(did.note_failure)
finish = step("end")(ledger.finish)


@flow(name="campaign-provenance-sweep", persist_result=False)
def campaign_provenance_sweep(campaign: str, created_by: str = "") -> dict[str, Any]:  # noqa: ARG001
    """Find at Rucio what was produced of what was requested, for one campaign.

    Returns:
        The counts; complete and incomplete are paths.
    """
    with opened():
        return _unless_ended(lambda: dict(_sweep_one(campaign).counts))


@flow(name="rucio-snapshot-update", persist_result=False)
def rucio_snapshot_update(created_by: str = "") -> dict[str, Any]:  # noqa: ARG001
    """Look at every producing campaign in Rucio, and write its snapshot.

    Returns:
        The counts, by campaign.
    """
    with opened():
        return _unless_ended(lambda: _snapshot(is_last=True))


@flow(name="sweep-producing-campaigns", persist_result=False)
def sweep_producing_campaigns() -> dict[str, Any]:
    """Look at the producing campaigns, their inputs and their arrivals, one after another.

    A step that fails stops no other, and is named at the end.

    Returns:
        What each step gave.
    """
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "rucio_snapshot_update": lambda: _snapshot(is_last=False),
        "evgen_rucio_update": update.update_evgen,
        "sweep_arrivals": look.sweep,
    }
    results: dict[str, Any] = {}
    failures: list[str] = []
    with opened():
        for name, run in steps.items():
            try:
                results[name] = run()
            except ClaimLost:
                raise
            except ProdOpsError as error:
                get_run_logger().error("%s failed: %s", name, error)
                failures.append(f"{name}: {error}")
        finish(results, failures)
    if failures:
        raise ProvenanceFailed("; ".join(failures))
    return results


@flow(name="read-did", persist_result=False)
def read_did(scope: str, name: str, created_by: str = "") -> dict[str, Any]:  # noqa: ARG001
    """Read a dataset or file from Rucio now: metadata, files, replicas, rules.

    Returns:
        is_there.
    """
    with opened():
        try:
            body = read_rucio(scope, name)
        except ProdOpsError as error:
            note_did_failure(scope, name, error)
            raise
        note_did(scope, name, body)
        return {"is_there": body is not None}


def _unless_ended(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the run gives; nothing where a commit whose answer was lost has ended the request."""
    try:
        return run()
    except ClaimLost:
        if ledger.has_ended():
            return {}
        raise


def _sweep_one(campaign: str, survey: Survey | None = None, *, is_last: bool = True) -> Swept:
    """Sweep a campaign; a failure is recorded.

    Raises:
        SweepFailed: Nothing of the campaign was changed.
        ClaimLost: The request is no longer ours.
    """
    attempted_at = now()
    order: Order | None = None
    try:
        survey = survey or ask_pcs()
        order = sweep.order(campaign, survey, is_last=is_last)
        swept = sweep_rucio(order)
    except ClaimLost:
        raise
    except ProdOpsError as error:
        note_failure(
            campaign,
            error,
            attempted_at=attempted_at,
            requested=order.requested if order is not None else (),
            is_last=is_last,
        )
        raise SweepFailed(campaign, str(error)) from error
    tell_pcs(campaign, survey.requested)
    return swept


def _snapshot(*, is_last: bool) -> dict[str, Any]:
    """Sweep the producing campaigns, and write what was answered to the snapshot's files.

    Raises:
        ProvenanceFailed: Some failed, by name; that is recorded and announced.
    """
    done: list[Swept] = []
    failures: list[str] = []
    releases = None
    checked_at = now()
    try:
        survey = ask_pcs()
        for campaign in snapshot.producing(survey):
            try:
                done.append(_sweep_one(campaign, survey, is_last=False))
                write_files(done[-1])
            except (SweepFailed, snapshot.FilesNotWritten) as failure:
                failures.append(str(failure))
        releases = detect_releases()
    except ClaimLost:
        raise
    except ProdOpsError as error:
        failures.append(str(error))
    end_snapshot(failures, done, releases, checked_at=checked_at, is_last=is_last)
    if failures:
        raise ProvenanceFailed("; ".join(failures))
    return {each.campaign: dict(each.counts) for each in done}
