"""Registers requested inputs at Rucio from what the storage holds; only tells so at first.

Needs PCS, Rucio with an identity that may write, and a door of the storage. It may be done again
at any time: what is there is left, and what a lost run left undone is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from prefect import flow

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.rucio_catalog import RucioUnauthorized
from flows.common import events, requests
from flows.common.database import transaction
from flows.common.requests import ClaimLost
from flows.provenance import ledger, messages
from flows.provenance.evgen.plan import PlannedDataset, Verdict
from flows.provenance.evgen.planning import ACTION, make_plan
from flows.provenance.evgen.storage import InputStorage
from flows.provenance.evgen.update import update_evgen
from flows.provenance.ledger import End, Progress, ProvenanceFailed
from flows.provenance.steps import step
from flows.provenance.workplace import opened, workplace

_NOT_FOR_OTHERS: Final = (OutsideUnavailable, RucioUnauthorized)
"""After these, the other datasets would end alike."""


_plan = step("plan the registration")(make_plan)


@flow(name="register-evgen", persist_result=False)
def register_evgen(
    paths: list[str] | None = None,
    dry_run: bool = True,  # noqa: FBT001, FBT002 - of the action's form
    created_by: str = "",  # noqa: ARG001 - of the action's form
) -> dict[str, Any]:
    """Register requested inputs that Rucio lacks.

    Args:
        paths: Requested paths; none: all that are not registered.
        dry_run: Only tell what would be done.
        created_by: Who asked.

    Returns:
        Numbers by verdict, and `datasets`: each with its verdict, files, bytes and reason.
    """
    with opened():
        try:
            place = InputStorage.of(workplace().settings)
            plan = _plan(place, paths or [])
            done, failures = ([], []) if dry_run else _carry_out(place, plan)
        except ClaimLost:
            raise
        except ProdOpsError as error:
            _announce_failure(str(error))
            raise
        return _end(plan, done, failures, dry_run=dry_run)


# ------------------------------------------------------------------ the work


def _carry_out(place: InputStorage, plan: Sequence[PlannedDataset]) -> tuple[list[str], list[str]]:
    """Register what is planned; the DIDs that were, and what failed."""
    done: list[str] = []
    failures: list[str] = []
    for each in plan:
        if each.verdict is not Verdict.REGISTER:
            continue
        try:
            _register(place, each)
        except ClaimLost:
            raise
        except ProdOpsError as error:
            failures.append(f"{each.wanted.name}: {error}")
            _announce(each, str(error))
            if isinstance(error, _NOT_FOR_OTHERS):
                break
        else:
            done.append(each.wanted.name)
            _announce(each, None)
    if done:
        failures += _looked_again()
    return done, failures


@step("register a dataset")
def _register(place: InputStorage, planned: PlannedDataset) -> None:
    """Declare files, dataset, and what is in it; each is left where it is there already."""
    scope, name = workplace().settings.provenance.scope, planned.wanted.name
    progress = Progress(ACTION, f"{scope}:{name}")
    files = []
    for file in place.with_checksums(planned.new):
        files.append(file)
        progress.tell(f"summed the files of {name}", len(files), len(planned.new))
    rucio = workplace().registration
    rucio.add_replicas(place.rse, scope, files)
    rucio.ensure_dataset(scope, name)
    rucio.attach_files(scope, name, [each.name for each in files])
    if planned.is_whole:
        rucio.close_dataset(scope, name)


def _looked_again() -> list[str]:
    """Bring the tables up to date with what was registered."""
    try:
        update_evgen()
    except ClaimLost:
        raise
    except ProdOpsError as error:
        return [f"registered, but the tables are not up to date: {error}"]
    return []


# ------------------------------------------------------------------ the end


@step("announce a dataset")
def _announce(planned: PlannedDataset, error: str | None) -> None:
    place = workplace()
    did = f"{place.settings.provenance.scope}:{planned.wanted.name}"
    told: dict[str, Any] = {
        "dataset": planned.wanted.name,
        "did": did,
        "files": len(planned.files),
        "paths": list(planned.wanted.paths),
        "ok": error is None,
    }
    if error is not None:
        told["error"] = error
    with transaction(place.engine) as session:
        requests.fence(session, place.holder)
        events.commit(session, [messages.ended(ACTION, place.holder, did, **told)])


def _end(
    plan: Sequence[PlannedDataset], done: Sequence[str], failures: Sequence[str], *, dry_run: bool
) -> dict[str, Any]:
    scope = workplace().settings.provenance.scope
    verdicts = Counter(each.verdict for each in plan)
    result = {
        "dry_run": dry_run,
        "to_register": verdicts[Verdict.REGISTER],
        "registered": len(done),
        "already": verdicts[Verdict.NOTHING],
        "refused": verdicts[Verdict.REFUSE],
        "datasets": [
            {**each.told(scope), "is_registered": each.wanted.name in done} for each in plan
        ],
    }
    _finish(result, list(failures))
    if failures:
        raise ProvenanceFailed("; ".join(failures))
    return result


@step("end the registration")
def _finish(result: dict[str, Any], failures: list[str]) -> None:
    try:
        ledger.finish(result, failures)
    except ClaimLost:
        if not ledger.has_ended():  # by a commit whose answer was lost
            raise


@step("announce the failure")
def _announce_failure(error: str) -> None:
    ledger.record(End(action=ACTION, told={}, error=error))
