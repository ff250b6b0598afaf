"""The flows of provenance: sweeps of campaigns, inputs and arrivals, one DID, reports.

A *sweep* reads all that Rucio has of one campaign (or of ``/EVGEN``, or all new files), and
replaces what the tables have of it. A *survey* is what PCS knows of campaigns and requested
inputs. The *snapshot* is the sweep of all producing campaigns, with its files in the original's
form. What could not be asked, or was not answered whole, fails and changes nothing that stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from prefect import get_run_logger

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.pcs_service import Survey
from blocks.rucio_catalog import RucioUnauthorized
from flows.common import run
from flows.common.actions import Nothing
from flows.common.claims import ClaimLost
from flows.common.database import now
from flows.common.flow import flow
from flows.provenance import actions
from flows.provenance.domain.join import Requested
from flows.provenance.domain.registration import PlannedDataset, Verdict, summary
from flows.provenance.models import CompletionReport
from flows.provenance.repository.sweeps import Swept
from flows.provenance.tasks import arrivals, did, evgen, pcs, registration, reports, snapshot, sweep
from flows.provenance.tasks.common import (
    ProvenanceFailed,
    announce_failure,
    conclude,
    finish,
    recording,
)
from flows.provenance.tasks.reports import Mailing
from flows.provenance.tasks.storage import InputStorage

_ARRIVAL_TRIES: Final = 3
_NOT_FOR_OTHERS: Final = (OutsideUnavailable, RucioUnauthorized)
"""After these, the registration of the other datasets would end alike."""


# ------------------------------------------------------------------ campaigns


@flow(actions.SWEEP_CAMPAIGN)
def campaign_provenance_sweep(form: actions.SweepCampaign) -> dict[str, int]:
    """Sweep one campaign; gives the counts, of which complete and incomplete are paths."""
    return dict(_sweep(form.campaign).counts)


@flow(actions.UPDATE_SNAPSHOT)
def rucio_snapshot_update(_: actions.UpdateSnapshot) -> dict[str, Any]:
    """Sweep every producing campaign, and write its snapshot; gives the counts, by campaign."""
    return _update_snapshot()


@flow(actions.SWEEP_PRODUCING)
def sweep_producing_campaigns(_: Nothing) -> dict[str, Any]:
    """Sweep the producing campaigns, their inputs and their arrivals, one after another.

    A part that fails stops no other, and is named at the end.

    Returns:
        What each part gave.
    """
    parts: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        (actions.UPDATE_SNAPSHOT.name, _update_snapshot),
        (actions.UPDATE_EVGEN.name, _update_evgen),
        (actions.SWEEP_ARRIVALS.name, _sweep_arrivals),
    )
    results: dict[str, Any] = {}
    failures: list[str] = []
    for name, part in parts:
        try:
            results[name] = part()
        except ClaimLost:
            raise
        except ProdOpsError as error:
            get_run_logger().error("%s failed: %s", name, error)
            failures.append(f"{name}: {error}")
    finish(results, failures)
    return results


def _sweep(campaign: str, survey: Survey | None = None) -> Swept:
    """Sweep a campaign; a failure is recorded.

    Raises:
        SweepFailed: Nothing of the campaign was changed.
        ClaimLost: The request is no longer ours.
    """
    attempted_at = now()
    requested: Sequence[Requested] = ()
    try:
        survey = survey or pcs.ask_pcs()
        requested = pcs.requested_paths(survey)
        known = [each.name for each in survey.campaigns]
        swept = sweep.sweep_rucio(campaign, requested, known)
    except ClaimLost:
        raise
    except ProdOpsError as error:
        sweep.record_failure(campaign, error, attempted_at, requested)
        raise sweep.SweepFailed(f"{campaign}: {error}") from error
    pcs.send_outputs(campaign, survey.requested)
    return swept


def _update_snapshot() -> dict[str, Any]:
    """Sweep the producing campaigns, and write what was answered to the snapshot's files.

    Raises:
        ProvenanceFailed: Some failed, by name; that is recorded and announced.
    """
    done: list[Swept] = []
    failures: list[str] = []
    releases = None
    checked_at = now()
    try:
        survey = pcs.ask_pcs()
        for campaign in pcs.producing_campaigns(survey):
            try:
                done.append(_sweep(campaign, survey))
                snapshot.write_files(done[-1])
            except (sweep.SweepFailed, snapshot.FilesNotWritten) as failure:
                failures.append(str(failure))
        releases = snapshot.detect_releases()
    except ClaimLost:
        raise
    except ProdOpsError as error:
        failures.append(str(error))
    snapshot.record_snapshot(failures, done, releases, checked_at)
    if failures:
        raise ProvenanceFailed("; ".join(failures))
    return {each.campaign: dict(each.counts) for each in done}


# ------------------------------------------------------------------ inputs


@flow(actions.UPDATE_EVGEN)
def evgen_rucio_update(_: actions.UpdateEvgen) -> dict[str, Any]:
    """Find which requested inputs are registered, and write the snapshot of ``/EVGEN``.

    Returns:
        Numbers: requested, found, missing, datasets, unmatched, files, size_bytes and others.
    """
    return _update_evgen()


@flow(actions.REGISTER_EVGEN)
def register_evgen(form: actions.RegisterEvgen) -> dict[str, Any]:
    """Register requested inputs that Rucio lacks; a dry run only says which.

    Returns:
        Numbers by verdict, and `datasets`: each with its verdict, files, bytes and reason.
    """
    done: list[str] = []
    failures: list[str] = []
    with recording(partial(announce_failure, actions.REGISTER_EVGEN)):
        storage = InputStorage.of(run.current().settings, run.current().sources)
        plan = registration.make_plan(storage, form.paths)
        if not form.dry_run:
            done, failures = _register(storage, plan)
    scope = run.current().settings.provenance.scope
    result = {"dry_run": form.dry_run, **summary(plan, scope, registered=done)}
    finish(result, failures)
    return result


def _update_evgen() -> dict[str, Any]:
    """Read ``/EVGEN`` whole, write it down and announce it; a failure is recorded."""
    attempted_at = now()
    requested: Sequence[Requested] = ()
    with recording(lambda error: evgen.record_failure(error, attempted_at, requested)):
        requested = pcs.read_requested()
        return evgen.update_inputs(requested)


def _register(storage: InputStorage, plan: Sequence[PlannedDataset]) -> tuple[list[str], list[str]]:
    """Register what is planned; the names of the datasets that were, and what failed."""
    done: list[str] = []
    failures: list[str] = []
    for each in plan:
        if each.verdict is not Verdict.REGISTER:
            continue
        try:
            registration.register_dataset(storage, each)
        except ClaimLost:
            raise
        except ProdOpsError as error:
            failures.append(f"{each.wanted.name}: {error}")
            registration.announce_dataset(each, str(error))
            if isinstance(error, _NOT_FOR_OTHERS):
                break
        else:
            done.append(each.wanted.name)
            registration.announce_dataset(each)
    if done:
        try:
            _update_evgen()
        except ClaimLost:
            raise
        except ProdOpsError as error:
            failures.append(f"registered, but the tables are not up to date: {error}")
    return done, failures


# ------------------------------------------------------------------ arrivals


@flow(actions.SWEEP_ARRIVALS)
def sweep_arrivals(_: actions.UpdateSnapshot) -> dict[str, Any]:
    """Count the files that arrived since the last sweep of the arrivals.

    Returns:
        window_start, swept_at, files, by_campaign (numbers only), unknown_campaigns.
    """
    return _sweep_arrivals()


def _sweep_arrivals() -> dict[str, Any]:
    """Count the arrivals, write them down and announce them.

    Raises:
        ProdOpsError: Rucio or PCS did not answer whole; nothing is counted, and the next sweep
            begins where this one would have.
    """
    with recording(partial(announce_failure, actions.SWEEP_ARRIVALS)):
        for _ in range(_ARRIVAL_TRIES):
            if (counted := arrivals.record_arrivals(arrivals.find_arrivals())) is not None:
                return counted
        raise arrivals.ArrivalsOvertaken(f"another look was faster, {_ARRIVAL_TRIES} times")


# ------------------------------------------------------------------ one DID


@flow(actions.READ_DID)
def read_did(form: actions.ReadDid) -> dict[str, Any]:
    """Read a dataset or file from Rucio now; gives is_there."""
    with recording(partial(did.record_failure, form.scope, form.name)):
        body = did.read_rucio(form.scope, form.name)
    return did.record_did(form.scope, form.name, body)


# ------------------------------------------------------------------ reports


@flow(actions.REPORT_COMPLETION)
def report_completion(form: actions.ReportCompletion) -> dict[str, Any]:
    """Report how complete a campaign is; the current one where none is named.

    Returns:
        campaign, report_id, mailed (whether), mail (in words), counts.
    """
    failed = partial(
        announce_failure,
        actions.REPORT_COMPLETION,
        subject=form.campaign or "current",
        campaign=form.campaign,
        report_id=None,
    )
    with recording(failed):
        report = reports.make_report(form)
        mailing = reports.mail(report) if form.mail else None
        return _conclude_report(report, mailing)


def _conclude_report(report: CompletionReport, mailing: Mailing | None) -> dict[str, Any]:
    result = {
        "campaign": report.campaign,
        "report_id": report.id,
        "mailed": mailing is not None and mailing.is_mailed,
        "mail": mailing.in_words() if mailing is not None else "not mailed: nobody asked for it",
        "counts": report.body["counts"],
    }
    error = None
    if mailing is not None and not mailing.is_mailed and mailing.error is not None:
        error = f"report {report.id} is kept, but its mail: {mailing.error}"
    conclude(actions.REPORT_COMPLETION, result, subject=report.campaign, error=error, result=result)
    if error is not None:
        raise ProvenanceFailed(error)
    return result
