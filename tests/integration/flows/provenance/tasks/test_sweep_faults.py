"""Sweeps that cannot be answered whole: what stood stays, and it is told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from deployments.sandbox.grid import catalogue
from flows.common import holding, run
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import RequestState
from flows.common.settings import settings
from flows.provenance.models import Finding, SweepState
from flows.provenance.repository import staging
from flows.provenance.repository import sweeps as repository
from flows.provenance.tasks import access, pcs, rucio
from tests.cutting_proxy import CuttingProxy, cutting_proxy
from tests.grid import rucio_away
from tests.sweeps import Sweeps, asking, known, listed, sweeps

pytestmark = pytest.mark.integration
__all__ = ["cutting_proxy", "sweeps"]


def name_of(campaign: str, rest: str) -> str:
    return f"/RECO/{campaign}/epic_craterlake/{rest}"


@pytest.fixture
def standing(sweeps: Sweeps, campaign: str) -> tuple[Any, ...]:
    """A campaign that was swept once, and has changed since; gives what stands."""
    sweeps.produce(listed(name_of(campaign, "DIS/NC"), files=900))
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [asking("one", "DIS/NC", campaign), asking("two", "DIS/CC")]
    assert sweeps.sweep(campaign).state == RequestState.COMPLETED
    sweeps.produce(listed(name_of(campaign, "DIS/CC"), files=900))
    return sweeps.state(campaign)


def require_stands(sweeps: Sweeps, campaign: str, standing: tuple[Any, ...], error: str) -> None:
    """The failure is told, and nothing else has changed."""
    assert sweeps.state(campaign) == standing
    row = sweeps.campaign(campaign)
    assert (row.state, row.counts["found"]) == (SweepState.FAILED, 1)
    assert error in (row.error or "")
    assert row.checked_at is not None
    assert row.attempted_at > row.checked_at
    event = sweeps.events("campaign_provenance_ready")[-1]
    assert (event["ok"], event["error"]) == (False, row.error)


def require_whole(sweeps: Sweeps, campaign: str) -> None:
    """The next sweep finds everything."""
    assert sweeps.sweep(campaign).state == RequestState.COMPLETED
    row = sweeps.campaign(campaign)
    assert (row.state, row.error, row.counts["found"]) == (SweepState.OK, None, 2)
    assert len(sweeps.datasets(campaign)) == 2


def through(monkeypatch: pytest.MonkeyPatch, proxy: CuttingProxy) -> None:
    monkeypatch.setenv("PRODOPS_RUCIO_PRODUCED_URL", proxy.url)
    settings.cache_clear()


def once_listed(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let something happen when the datasets are listed, and nothing else was asked."""
    original = rucio.list_names

    def list_names(*given: Any) -> Any:
        listed = original(*given)
        act()
        return listed

    monkeypatch.setattr(rucio, "list_names", list_names)


def test_a_closed_rucio_changes_nothing(sweeps, campaign, standing):
    with rucio_away():
        ended = sweeps.sweep(campaign)
    assert ended.state == RequestState.FAILED
    require_stands(sweeps, campaign, standing, "")
    require_whole(sweeps, campaign)


def test_a_first_sweep_that_fails_leaves_unknown_and_not_missing(sweeps, campaign):
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [asking("one", "DIS/NC", campaign)]
    with rucio_away():
        assert sweeps.sweep(campaign).state == RequestState.FAILED
    row = sweeps.paths(campaign)["DIS/NC"]
    assert (row.finding, row.checked_at) == (Finding.UNKNOWN, None)
    assert sweeps.campaign(campaign).checked_at is None


def test_an_answer_that_breaks_off_changes_nothing(
    sweeps, campaign, standing, monkeypatch, cutting_proxy
):
    through(monkeypatch, cutting_proxy)
    once_listed(monkeypatch, lambda: cutting_proxy.cut_after(60_000))
    assert sweeps.sweep(campaign).state == RequestState.FAILED
    assert cutting_proxy.cuts
    require_stands(sweeps, campaign, standing, "broke off")


@pytest.mark.slow
def test_a_server_that_is_killed_in_its_answer_changes_nothing(
    sweeps, campaign, standing, monkeypatch, cutting_proxy
):
    def kill() -> None:
        for worker in psutil.Process(sweeps.grid.pid("rucio")).children(recursive=True):
            worker.kill()  # others take their place

    sweeps.produce(listed(name_of(campaign, "DIS/long"), files=8000))
    through(monkeypatch, cutting_proxy)
    once_listed(monkeypatch, lambda: cutting_proxy.act_after(400_000, kill))
    assert sweeps.sweep(campaign).state == RequestState.FAILED
    assert cutting_proxy.cuts == 1
    require_stands(sweeps, campaign, standing, "Rucio")


def test_a_token_that_is_refused_in_the_middle_is_renewed(sweeps, campaign, standing, monkeypatch):
    once_listed(monkeypatch, spoil_token)
    require_whole(sweeps, campaign)


@pytest.mark.slow
def test_an_identity_that_is_refused_in_the_middle_changes_nothing(
    sweeps, campaign, standing, monkeypatch, tmp_path
):
    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text(sweeps.grid.password_file("eicread").read_text())
    monkeypatch.setenv("PRODOPS_RUCIO_PRODUCED_PASSWORD_FILE", str(password))
    settings.cache_clear()

    def refuse() -> None:
        password.write_text("wrong")
        spoil_token()

    once_listed(monkeypatch, refuse)
    assert sweeps.sweep(campaign).state == RequestState.FAILED
    require_stands(sweeps, campaign, standing, "does not let us in")


def spoil_token() -> None:
    """Let the token in use be one that Rucio never gave."""
    tokens = access.catalog()._sessions._tokens
    tokens._token = "spoilt"


def test_a_dataset_that_goes_while_it_is_read_is_not_taken_for_empty(
    sweeps, campaign, standing, monkeypatch
):
    def drop() -> None:
        with sweeps.grid.connect() as connection:
            catalogue.remove(connection, "epic", [name_of(campaign, "DIS/CC")])

    with monkeypatch.context() as dropping:
        once_listed(dropping, drop)
        assert sweeps.sweep(campaign).state == RequestState.FAILED
    require_stands(sweeps, campaign, standing, "left out 1 names")
    assert sweeps.sweep(campaign).state == RequestState.COMPLETED
    assert list(sweeps.datasets(campaign)) == [name_of(campaign, "DIS/NC")]


@pytest.mark.slow
def test_a_reading_that_takes_too_long_is_ended(sweeps, campaign, standing, monkeypatch):
    monkeypatch.setenv("PRODOPS_PROVENANCE_TIMEOUT_SECONDS", "0.001")
    settings.cache_clear()
    assert sweeps.sweep(campaign).state == RequestState.FAILED
    require_stands(sweeps, campaign, standing, "took longer than 0.001 s")


@pytest.mark.slow
def test_pcs_that_does_not_answer_changes_nothing(
    sweeps, campaign, standing, monkeypatch, free_port
):
    monkeypatch.setenv("PRODOPS_PCS_URL", f"http://127.0.0.1:{free_port}")
    settings.cache_clear()
    monkeypatch.setattr(pcs, "ask_pcs", sweeps.ask_pcs_itself)
    assert sweeps.sweep(campaign).state == RequestState.FAILED
    require_stands(sweeps, campaign, standing, "no answer from")


@pytest.mark.slow
def test_a_sweep_waits_for_another_of_the_family(sweeps, campaign, standing):
    family = campaign.rsplit(".", 1)[0]
    ended = []
    with staging.sweep_connection(sweeps.database.ops_engine, campaign, patience_seconds=5):
        running = threading.Thread(target=lambda: ended.append(sweeps.sweep(family)))
        running.start()
        running.join(1.0)
        assert running.is_alive()
    running.join(20)
    assert [each.state for each in ended] == [RequestState.COMPLETED]


def test_a_run_that_was_given_up_writes_nothing(sweeps, campaign, standing, monkeypatch):
    def give_up() -> None:
        holder = run.current().claim
        with transaction(sweeps.database.ops_engine) as session:
            holding.give_back(session, holder, error=None, delay_seconds=60)

    once_listed(monkeypatch, give_up)
    assert sweeps.sweep(campaign).state == RequestState.QUEUED
    assert sweeps.state(campaign) == standing
    assert sweeps.campaign(campaign).state == SweepState.OK


_KILLED_RUN = """
import sys, time
from prefect.logging import disable_run_logger
from blocks.pcs_service import Campaign, Survey
from flows.common import claims
from flows.provenance import flow
from flows.provenance.repository import {module}
from flows.provenance.tasks import pcs, sweep
from tests.sweeps import asking, known
original = {module}.{function}
def stop(*given, **more):
    given_back = original(*given, **more)
    print("there", flush=True)
    time.sleep(60)
{module}.{function} = stop
campaign, request_id, attempt = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
asked = (asking("one", "DIS/NC", campaign), asking("two", "DIS/CC"))
claims.hold(claims.Claim(request_id, attempt))
pcs.ask_pcs = lambda: Survey((known(campaign),), asked)
sweep.sweep_rucio = sweep.sweep_rucio.fn
with disable_run_logger():
    flow.campaign_provenance_sweep.fn(campaign=campaign)
"""


@pytest.mark.parametrize(
    ("module", "function"),
    [("staging", "_plus"), pytest.param("sweeps", "replace", marks=pytest.mark.slow)],
)
def test_a_run_that_is_killed_leaves_what_stood_and_the_next_is_whole(
    sweeps, campaign, standing, module, function
):
    assert hasattr({"staging": staging, "sweeps": repository}[module], function)
    holder = sweeps.hold("campaign_provenance_sweep", {"campaign": campaign})
    code = _KILLED_RUN.format(module=module, function=function)
    arguments = [campaign, str(holder.request_id), str(holder.attempt)]
    root = Path(__file__).parents[5]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        process.kill()
    assert sweeps.state(campaign) == standing
    with transaction(sweeps.database.ops_engine) as session:
        holding.give_back(session, Claim(holder.request_id, 1), error=None, delay_seconds=0)
    assert sweeps.sweep(campaign).id == holder.request_id
    assert sweeps.campaign(campaign).counts["found"] == 2
    assert len(sweeps.datasets(campaign)) == 2
