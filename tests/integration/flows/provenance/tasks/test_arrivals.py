"""Arrivals on a real Rucio: each file is counted once, whatever the looks and the clocks do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from deployments.sandbox.grid.seed import seed
from flows.common import run
from flows.common.database import transaction
from flows.provenance import flow
from flows.provenance.actions import SWEEP_PRODUCING
from flows.provenance.domain.arrivals import OVERLAP
from flows.provenance.models import ArrivalsSweep
from flows.provenance.tasks import arrivals
from tests.grid import rucio_away
from tests.input_runs import Runs, rucio, runs
from tests.sweeps import known, listed

pytestmark = pytest.mark.integration
__all__ = ["rucio", "runs"]

SWEEP = "sweep_arrivals"


def arrive(rucio, campaign: str, dataset: str, files: int = 2, stage: str = "RECO") -> str:
    name = f"/{stage}/{campaign}/epic_craterlake/{dataset}"
    seed(rucio, [listed(name, files=files)])
    return name


def told_of(told: dict, campaign: str) -> dict:
    return told["by_campaign"].get(campaign, {"files": 0})


def test_new_files_are_counted_by_campaign_and_dataset(runs: Runs, rucio, campaign):
    runs.campaigns = [known(campaign)]
    name = arrive(rucio, campaign, "DIS/NC", files=3)
    arrive(rucio, campaign, "DIS/CC", files=2, stage="FULL")
    told = runs.run(SWEEP)
    assert told_of(told, campaign) == {"files": 5, "datasets": 2, "is_known": True}
    (row,) = runs.rows(ArrivalsSweep)
    assert row.by_campaign[campaign]["datasets"][name] == 3
    assert row.swept_at - row.window_start == timedelta(hours=24)


def test_a_campaign_that_pcs_does_not_know_is_counted_and_said(runs, rucio, campaign):
    arrive(rucio, campaign, "DIS/NC")
    told = runs.run(SWEEP)
    assert campaign in told["unknown_campaigns"]
    (event,) = runs.events("rucio_arrivals")
    assert event["ok"] is True
    assert campaign in event["unknown_campaigns"]


def test_a_second_look_counts_only_what_came_since(runs, rucio, campaign):
    arrive(rucio, campaign, "DIS/NC", files=3)
    runs.run(SWEEP)
    arrive(rucio, campaign, "DIS/CC", files=2)
    assert told_of(runs.run(SWEEP), campaign)["files"] == 2
    assert told_of(runs.run(SWEEP), campaign)["files"] == 0
    looks = sorted(runs.rows(ArrivalsSweep), key=lambda row: row.id)
    assert looks[1].window_start == looks[0].swept_at
    with transaction(runs.database.ops_engine) as session:
        remembered = session.scalars(select(ArrivalsSweep.recent).order_by(ArrivalsSweep.id)).all()
    assert [bool(each) for each in remembered] == [False, False, True]


def test_a_file_whose_transaction_took_long_is_counted_late_and_once(runs, rucio, campaign):
    runs.run(SWEEP)
    arrive(rucio, campaign, "DIS/NC", files=2)
    begun_before_the_look = """
        UPDATE dids SET created_at = created_at - interval '10 minutes'
        WHERE name LIKE %s AND did_type = 'F'
    """
    with rucio.connect() as connection:
        connection.execute(begun_before_the_look, [f"/RECO/{campaign}/%"])
    assert told_of(runs.run(SWEEP), campaign)["files"] == 2
    assert told_of(runs.run(SWEEP), campaign)["files"] == 0


def test_a_file_that_comes_while_rucio_is_asked_is_counted_by_the_next_look(
    runs, rucio, campaign, monkeypatch
):
    ask = arrivals.files_since
    asked = []

    def ask_while_files_come(since):
        asked.append(since)
        if len(asked) == 2:
            arrive(rucio, campaign, "DIS/NC", files=2)
        return ask(since)

    monkeypatch.setattr(arrivals, "files_since", ask_while_files_come)
    assert told_of(runs.run(SWEEP), campaign)["files"] == 0
    assert told_of(runs.run(SWEEP), campaign)["files"] == 2
    assert asked[2] == asked[1]
    assert asked[1] + OVERLAP == min(row.swept_at for row in runs.rows(ArrivalsSweep))


def test_of_two_looks_at_once_the_slower_looks_again(runs, rucio, campaign, monkeypatch):
    arrive(rucio, campaign, "DIS/NC", files=2)
    ask = arrivals.files_since
    told = []

    def ask_while_another_looks(since):
        monkeypatch.setattr(arrivals, "files_since", ask)
        with monkeypatch.context() as night:
            night.setattr(run.current(), "action", SWEEP_PRODUCING)
            told.append(flow._sweep_arrivals())
        return ask(since)

    monkeypatch.setattr(arrivals, "files_since", ask_while_another_looks)
    slower = runs.run(SWEEP)
    assert told_of(told[0], campaign)["files"] == 2
    assert told_of(slower, campaign)["files"] == 0
    assert len(runs.rows(ArrivalsSweep)) == 2


def test_a_look_that_fails_counts_nothing_and_the_next_one_counts_it_all(runs, rucio, campaign):
    runs.run(SWEEP)
    arrive(rucio, campaign, "DIS/NC", files=2)
    with rucio_away():
        error = runs.fail(SWEEP)
    assert runs.events("rucio_arrivals")[-1]["error"] == error
    assert len(runs.rows(ArrivalsSweep)) == 1
    assert told_of(runs.run(SWEEP), campaign)["files"] == 2
