"""Completion reports on real rows: made, kept, compared, and told when the evidence is bad."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from blocks.pcs_service.errors import PcsUnavailable
from flows.common.database import now, transaction
from flows.provenance.models import CompletionReport, SweepState
from tests.input_runs import Runs, runs
from tests.produced import ROOT, SweptCampaign, load_listing
from tests.sweeps import known

pytestmark = pytest.mark.integration
__all__ = ["runs"]

CAMPAIGN = "26.05.0"
REPORT = "report_completion"
READY = "completion_report_ready"


@pytest.fixture
def swept(database) -> SweptCampaign:
    """A campaign of three requests: one complete, one incomplete, one missing."""
    made = SweptCampaign(database.ops_engine, CAMPAIGN)
    made.swept()
    made.path("DIS/NC/10x100", configs=["epic_craterlake"])
    made.path("DIS/CC/10x100", configs=["epic_craterlake"], files={"BNL-XRD": (2, 3)})
    made.path("DIS/NC/18x275")
    return made


def kept(runs: Runs, told: dict) -> CompletionReport:
    with transaction(runs.database.ops_engine) as session:
        return session.get_one(CompletionReport, told["report_id"])


def test_a_report_counts_what_the_sweep_left(runs, swept):
    did = swept.unmatched("DIS/NC/5x41")
    told = runs.run(REPORT, campaign=CAMPAIGN)
    counts = {"requested": 3, "found": 2, "complete": 1, "incomplete": 1, "missing": 1}
    assert told["counts"].items() >= counts.items()
    body = kept(runs, told).body
    assert [each["did"] for each in body["unmatched"]] == [did]
    assert [each["path"] for each in body["incomplete"]] == [f"{ROOT}/DIS/CC/10x100"]
    assert body["percent"] == {"found": 66.6, "complete": 33.3, "files": 87.5}
    assert [(each["rse"], each["files"], each["total"]) for each in body["by_rse"]] == [
        ("BNL-XRD", 7, 8)
    ]


def test_the_end_is_told_and_says_that_nothing_was_mailed(runs, swept):
    told = runs.run(REPORT, campaign=CAMPAIGN)
    (event,) = runs.events(READY)
    assert (event["ok"], event["campaign"], event["report_id"]) == (
        True, CAMPAIGN, told["report_id"],
    )  # fmt: skip
    assert event["mailed"] is False
    assert "no notification block is set" in event["mail"]
    assert kept(runs, told).mailed_at is None


def test_a_second_report_tells_what_changed_since_the_first(runs, swept):
    first = runs.run(REPORT, campaign=CAMPAIGN)
    swept.path("SIDIS/5x41", configs=["epic_craterlake"])
    with transaction(runs.database.ops_engine) as session:
        session.execute(_missing_now("DIS/NC/10x100"))
    made = kept(runs, runs.run(REPORT, campaign=CAMPAIGN))
    changes = made.body["changes"]
    assert (made.previous_id, changes["since_id"]) == (first["report_id"], first["report_id"])
    assert changes["newly_requested"] == [f"{ROOT}/SIDIS/5x41"]
    assert changes["lost"] == [f"{ROOT}/DIS/NC/10x100"]
    assert "No longer there" in made.markdown


def test_a_failed_sweep_is_said_loudly_with_the_age_of_what_stands(runs, swept):
    long_ago = now() - timedelta(hours=50)
    swept.swept(
        SweepState.FAILED, error="Rucio did not answer", checked_at=long_ago, attempted_at=now()
    )
    body = kept(runs, runs.run(REPORT, campaign=CAMPAIGN)).body
    assert body["evidence"]["state"] == "failed"
    assert body["errors"] == ["Rucio did not answer"]
    assert "FAILED. What follows is 50 hours old." in body["evidence"]["warning"]
    assert body["counts"]["found"] == 2


def test_without_a_campaign_the_current_one_is_reported(runs, swept):
    runs.campaigns = [known("26.04.1", "last"), known(CAMPAIGN)]
    assert runs.run(REPORT)["campaign"] == CAMPAIGN


def test_without_a_current_campaign_nothing_is_reported(runs, swept):
    runs.campaigns = [known("26.04.1", "past")]
    assert runs.fail(REPORT) == "No current Campaign defined in PCS."
    (event,) = runs.events(READY)
    assert (event["ok"], event["report_id"]) == (False, None)


def test_a_campaign_that_nobody_looked_at_is_refused_with_those_that_are_known(runs, swept):
    error = runs.fail(REPORT, campaign="26.99.0")
    assert error == f"campaign '26.99.0' was never looked at; there are: {CAMPAIGN}"
    assert runs.rows(CompletionReport) == []


def test_a_pcs_that_is_away_fails_the_report_and_is_told(runs, swept):
    runs.trouble = PcsUnavailable("no answer")
    assert runs.fail(REPORT) == "no answer"
    assert runs.events(READY)[0]["ok"] is False


def test_a_run_that_goes_on_after_a_lost_one_makes_no_second_report(runs, swept, monkeypatch):
    attempt = runs.hold(REPORT, {"campaign": CAMPAIGN})
    with monkeypatch.context() as broken:
        broken.setattr("flows.provenance.tasks.reports.mail", _killed)
        with pytest.raises(KeyboardInterrupt):
            runs.end(attempt, REPORT, campaign=CAMPAIGN)
    ended = runs.end(runs.lose(attempt), REPORT, campaign=CAMPAIGN)
    (report,) = runs.rows(CompletionReport)
    assert (ended.state, ended.result["report_id"]) == ("completed", report.id)
    assert len(runs.events(READY)) == 1


def test_a_report_of_a_real_campaign_counts_as_its_listing(runs, database):
    load_listing(database.ops_engine, CAMPAIGN)
    told = runs.run(REPORT, campaign=CAMPAIGN)["counts"]
    # Of the contract's own measurement: 254 exact, and those behind a background prefix.
    assert told["requested"] == 405
    assert told["found"] >= 254
    assert told["datasets"] == 310


def _killed(_report):
    raise KeyboardInterrupt


def _missing_now(suffix: str):
    return text("""
        WITH gone AS (DELETE FROM provenance_match WHERE path = :path)
        UPDATE provenance_path SET finding = 'missing' WHERE path = :path
    """).bindparams(path=f"{ROOT}/{suffix}")
