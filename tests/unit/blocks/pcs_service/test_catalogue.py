"""What the PCS client reads of campaigns and requested inputs, of ours and of the original."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from blocks.pcs_service import PcsRefused, PcsService, RequestedInput
from blocks.pcs_service.errors import PcsUnavailable

ROOT = "/volatile/eic/EPIC/EVGEN"
LOCATION = {"source": {"kind": "path", "location": f"{ROOT}/DIS/NC"}}


class Pcs:
    """A PCS of given lists; what it was sent is kept."""

    def __init__(self, **lists: Any) -> None:
        self.lists = {name.replace("_", "-"): rows for name, rows in lists.items()}
        self.sent: list[tuple[str, Any]] = []
        transport = httpx.MockTransport(self._answer)
        self.service = PcsService("http://pcs", timeout_seconds=5, transport=transport)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        resource, _, key = request.url.path.removeprefix("/pcs/api/").strip("/").partition("/")
        if request.method == "PATCH":
            user = request.headers.get("X-Remote-User", "")
            self.sent.append((user, json.loads(request.content)))
        if resource not in self.lists:
            return httpx.Response(404, json={"detail": "Not found."})
        rows = self.lists[resource]
        found = next((row for row in rows if str(row["id"]) == key), None) if key else rows
        return httpx.Response(200, json=found)


def task(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": f"t{number}", "status": "draft", "dataset": number, **more}


def dataset(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "detector_version": "26.05.0", "metadata": LOCATION, **more}


def one(pcs: Pcs) -> RequestedInput:
    (found,) = pcs.service.catalogue.survey().requested
    return found


def test_a_task_asks_for_its_dataset_s_source():
    pcs = Pcs(
        prod_tasks=[task(1, campaign="26.05.0", priority=2, requestor="edt", created_by="ann")],
        datasets=[dataset(1)],
        campaigns=[{"name": "26.05.0", "lifecycle": "current"}],
    )
    found = one(pcs)
    assert (found.name, found.path, found.campaign) == ("t1", f"{ROOT}/DIS/NC", "26.05.0")
    assert (found.priority, found.requestor, found.owner) == (2, "edt", "ann")


def test_a_task_without_a_source_asks_for_its_request_s_path():
    pcs = Pcs(
        prod_tasks=[task(1, prod_request=5)],
        datasets=[dataset(1, metadata=None)],
        prod_requests=[{"id": 5, "simu_path": f"{ROOT}/SIDIS"}],
        campaigns=[],
    )
    assert one(pcs).path == f"{ROOT}/SIDIS"


def test_a_task_that_names_no_input_asks_for_nothing():
    pcs = Pcs(prod_tasks=[task(1)], datasets=[dataset(1, metadata={"source": "odd"})])
    assert one(pcs).path == ""


def test_an_original_without_campaigns_has_those_of_its_tasks():
    tasks = [task(1, status="submitted"), task(2)]
    datasets = [dataset(1), dataset(2, detector_version="26.04.0")]
    pcs = Pcs(prod_tasks=tasks, datasets=datasets)
    told = pcs.service.catalogue.survey().campaigns
    assert [(each.name, each.lifecycle, each.is_in_work) for each in told] == [
        ("26.04.0", "", False),
        ("26.05.0", "", True),
    ]


def test_a_campaign_without_tasks_is_told_too():
    listed = [{"name": "26.06.0", "lifecycle": "future"}, {"name": "26.05.0", "lifecycle": "last"}]
    pcs = Pcs(prod_tasks=[], datasets=[], campaigns=listed)
    told = pcs.service.catalogue.survey().campaigns
    assert [each.name for each in told] == ["26.05.0", "26.06.0"]


def test_outputs_are_written_as_the_owner_and_nothing_else_changes():
    row = task(1, created_by="ann", overrides={"n_jobs": 4, "outputs": []})
    pcs = Pcs(prod_tasks=[row], datasets=[dataset(1)])
    pcs.service.catalogue.set_outputs(one(pcs), [{"did": "epic:/x"}])
    assert pcs.sent == [("ann", {"overrides": {"n_jobs": 4, "outputs": [{"did": "epic:/x"}]}})]


@pytest.mark.parametrize("rows", [{"results": []}, [{"id": "x"}], "no list"])
def test_another_form_is_no_answer(rows: Any):
    pcs = Pcs(prod_tasks=rows, datasets=[])
    with pytest.raises(PcsUnavailable):
        pcs.service.catalogue.survey()


def test_one_row_of_another_form_is_set_aside_and_the_rest_of_each_list_is_used():
    pcs = Pcs(
        prod_tasks=[task(1), {"id": 2, "name": "t2"}, "no row"],
        datasets=[dataset(1), {"id": "x"}],
        campaigns=[{"name": "26.05.0"}, {"name": 7}],
    )
    survey = pcs.service.catalogue.survey()
    assert [each.name for each in survey.requested] == ["t1"]
    assert [each.name for each in survey.campaigns] == ["26.05.0"]
    assert list(pcs.service.unreadable) == [
        "prod-tasks t2", "prod-tasks row 2", "datasets x", "campaigns 7",
    ]  # fmt: skip
    assert "dataset Field required" in pcs.service.unreadable["prod-tasks t2"]


def test_without_tasks_there_is_no_survey():
    with pytest.raises(PcsRefused):
        Pcs(datasets=[]).service.catalogue.survey()
