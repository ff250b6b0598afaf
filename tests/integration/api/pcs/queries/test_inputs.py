"""The files of a task's inputs, as the last reading of /EVGEN left them, over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from flows.common.database import now, transaction
from flows.provenance.models import (
    EVGEN,
    Finding,
    PathMatch,
    ProducedDataset,
    ProducedFile,
    RequestedPath,
    Rule,
)
from tests.databases import Database
from tests.pcs_client import CONFIG, DATA, Pcs
from tests.produced import produced

pytestmark = pytest.mark.integration

NAME = "/EVGEN/DIS/NC/10x100/minQ2=1"
DID = f"epic:{NAME}"
EVENTS = CONFIG | {"data": DATA | {"events_per_job": 500}}


@pytest.fixture
def pcs(api: httpx.Client) -> Pcs:
    return Pcs(api)


def record(
    database: Database,
    *files: str,
    hours_ago: float = 1,
    rule: Rule | None = None,
    suffix: str = "",
) -> None:
    """The dataset with its files; with a rule, matched by the path of the task."""
    dataset = produced(f"/RECO{NAME}", files={"JLAB": (len(files), len(files))})
    dataset.name, dataset.campaign, dataset.stage = NAME, EVGEN, EVGEN
    dataset.checked_at = now() - timedelta(hours=hours_ago)
    with transaction(database.ops_engine) as session:
        session.add(dataset)
        session.flush()
        session.add_all(
            ProducedFile(dataset_id=dataset.id, name=f"{NAME}/{each}") for each in files
        )
        if rule is not None:
            match(session, dataset, rule, suffix)


def match(session: Any, dataset: ProducedDataset, rule: Rule, suffix: str) -> None:
    path = {"campaign": EVGEN, "path": f"/volatile/eic/EPIC/EVGEN/{suffix}"}
    session.add(
        RequestedPath(
            **path, suffix=suffix, finding=Finding.FOUND, tasks=["dis-10x100"], campaign_tasks=[]
        )
    )
    session.add(PathMatch(**path, dataset_id=dataset.id, rule=rule))


def evgen(pcs: Pcs) -> httpx.Response:
    return pcs.send("GET", "prod-tasks/command/", name="dis-10x100", fmt="evgen")


def test_the_files_of_a_linked_input_are_the_rows_with_their_age(pcs, assistant, database):
    record(database, "b.hepmc", "a.hepmc")
    pcs.make_task(config=EVENTS)
    pcs.good("POST", "prod-tasks/dis-10x100/link-input/", {"did": DID})
    made = evgen(pcs).json()
    below = NAME.removeprefix("/EVGEN/")
    assert made["csvRows"] == [f"{below}/a,hepmc,500,0000", f"{below}/b,hepmc,500,0000"]
    assert made["inputsCheckedAt"] < now().isoformat()
    by_tool = assistant.ask("pcs_prodtask_artifact", name="dis-10x100", fmt="evgen")
    assert by_tool["submissionSpec"] == made


def test_without_a_link_the_matched_input_counts_and_of_a_matched_file_the_file(pcs, database):
    record(database, "a.hepmc", "b.hepmc", rule=Rule.FILE, suffix="DIS/NC/10x100/minQ2=1/b.hepmc")
    pcs.make_task(config=EVENTS)
    assert [row.split(",")[0][-2:] for row in evgen(pcs).json()["csvRows"]] == ["/b"]


def test_a_suggested_input_does_not_count(pcs, database):
    record(database, "a.hepmc", rule=Rule.TOKENS, suffix="DIS/NC")
    pcs.make_task(config=EVENTS)
    answer = evgen(pcs)
    assert answer.status_code == 400
    assert "no matched input: link an /EVGEN DID" in answer.json()["detail"]


def test_what_was_never_read_or_long_ago_says_what_reads_it(pcs, database):
    pcs.make_task(config=EVENTS)
    pcs.good("POST", "prod-tasks/dis-10x100/link-input/", {"did": DID})
    never = evgen(pcs)
    record(database, "a.hepmc", hours_ago=100)
    long_ago = evgen(pcs)
    assert (never.status_code, long_ago.status_code) == (409, 409)
    assert "are not recorded: request evgen_rucio_update" in never.json()["detail"]
    assert "which is too long ago: request evgen_rucio_update" in long_ago.json()["detail"]


def test_a_task_without_a_number_of_events_says_so_first(pcs):
    pcs.make_task()
    answer = evgen(pcs)
    assert (answer.status_code, "events_per_job" in answer.json()["detail"]) == (400, True)


def test_the_condor_command_names_the_list_of_inputs(pcs):
    pcs.make_task(csv_file="EVGEN/a.csv")
    text = pcs.send("GET", "prod-tasks/command/", name="dis-10x100", fmt="condor").text
    assert text.endswith("scripts/submit_csv.sh osg_csv hepmc3 EVGEN/a.csv 2")
