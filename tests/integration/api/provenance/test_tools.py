"""Provenance by an assistant: what was found, how old that is, and what is not known."""

from __future__ import annotations

import html
from datetime import timedelta

import httpx
import pytest

from flows.common.database import now
from flows.provenance.models import Finding, SweepState
from tests.pcs_client import Pcs
from tests.produced import DATASET, NAME, ROOT, SUFFIX, SweptCampaign, campaign_of_each_kind

pytestmark = pytest.mark.integration


@pytest.fixture
def campaign(api, database) -> SweptCampaign:
    Pcs(api).add("campaigns", name=NAME)
    Pcs(api).good("POST", f"campaigns/{NAME}/set-current/")
    return campaign_of_each_kind(database.ops_engine)


def test_a_did_is_explained_with_its_files_and_the_path_that_asked_for_it(assistant, campaign):
    campaign.files(DATASET, 2)
    for asked in (f"epic:{DATASET}", DATASET):
        answer = assistant.ask("data_provenance", did_or_path=asked)
        assert (answer["kind"], answer["knowledge"]) == ("did", "known")
        assert answer["did"]["requested_paths"][0]["path"] == f"{ROOT}/{SUFFIX}"
        assert len(answer["did"]["files"]) == 2
        assert f"epic:{DATASET}" in html.unescape(httpx.get(answer["url"]).text)


def test_a_path_is_explained_in_each_campaign_that_asks_for_it(assistant, campaign):
    SweptCampaign(campaign.engine, "26.06.0").path(SUFFIX, finding=Finding.UNKNOWN)
    for asked in (f"{ROOT}/{SUFFIX}", SUFFIX, f"{ROOT}/{SUFFIX}/"):
        paths = assistant.ask("data_provenance", did_or_path=asked)["paths"]
        found = [(each["campaign"], each["finding"], len(each["datasets"])) for each in paths]
        assert found == [("26.06.0", "unknown", 0), (NAME, "found", 2)]


def test_what_nobody_knows_is_not_said_to_be_missing(assistant, campaign):
    answer = assistant.ask("data_provenance", did_or_path="epic:/RECO/1/x/y")
    assert (answer["knowledge"], answer["did"]["dataset"]) == ("asked", None)
    assert "Nobody has looked yet" in answer["next"]
    assert "No task asks for that path" in assistant.ask("data_provenance", did_or_path="x")["next"]
    assert "did: " in assistant.refusal("data_provenance", did_or_path="epic:no slash")


def test_a_campaigns_status_counts_and_names_what_is_missing(assistant, campaign):
    answer = assistant.ask("campaign_status", window_days=7)
    assert (answer["campaign"], answer["state"]) == (NAME, "ok")
    assert answer["counts"]["requested"] == 5
    assert answer["missing_count"] == answer["counts"]["missing"] == 2
    assert answer["missing"][0].keys() >= {"path", "reason", "priority", "tasks"}
    assert answer["unmatched_count"] == len(answer["unmatched"]) == 2
    assert answer["window"]["arrived"]["datasets"] == answer["counts"]["datasets"]
    assert assistant.ask("campaign_status", window_days=1)["window"]["arrived"]["datasets"] == 0


def test_an_old_or_failed_sweep_says_so_and_what_looks_anew(assistant, campaign):
    campaign.at = now() - timedelta(days=3)
    campaign.swept()
    assert "This is old" in assistant.ask("campaign_status", campaign=NAME)["next"]
    campaign.swept(SweepState.FAILED, error="Rucio is away")
    answer = assistant.ask("campaign_status", campaign=NAME)
    assert (answer["state"], answer["error"]) == ("failed", "Rucio is away")
    assert f"start_provenance_sweep(campaign='{NAME}')" in answer["next"]


def test_a_sweep_is_asked_for_once_and_of_known_campaigns_only(assistant, campaign):
    first = assistant.ask("start_provenance_sweep")
    second = assistant.ask("start_provenance_sweep", campaign=NAME)
    assert (first["campaign"], first["is_new"], second["is_new"]) == (NAME, True, False)
    assert first["request_id"] == second["request_id"]
    inputs = assistant.ask("start_provenance_sweep", campaign="EVGEN")
    assert inputs["action"] == "evgen_rucio_update"
    assert "No campaign '1.2'" in assistant.refusal("start_provenance_sweep", campaign="1.2")
