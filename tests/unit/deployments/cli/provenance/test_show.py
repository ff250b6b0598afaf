"""`prodops provenance show`: rows for people, for spreadsheets and for programs."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from blocks.monitor_api.actions import ActionApi
from blocks.monitor_api.errors import RequestRefused
from deployments.cli.provenance import app

STANDING = {
    "campaign": "26.05.0", "checked_at": "2026-05-03T00:00:00Z", "error": None,
    "counts": {"requested": 2, "found": 1, "complete": 0, "incomplete": 1, "missing": 1},
}  # fmt: skip
FOUND = {
    "requested_path": "/volatile/eic/EPIC/EVGEN/DIS", "detector_config": "epic", "finding": "found",
    "dids": [{
        "did": "epic:/RECO/26.05.0/epic/DIS", "rule": "exact", "complete": False, "file_count": 9,
        "counted_files": 9, "files_on_disk": 8, "availability": "incomplete",
        "contradictions": ["A: its summary counts 8 files, and 9 files are listed"],
        "rses": [{"rse": "A", "files": 8, "total": 8}, {"rse": "B", "files": 9, "total": 9}],
    }],
    "tasks": ["one", "two"], "campaign_tasks": ["two"],
}  # fmt: skip
MISSING = {
    "requested_path": "=SUM(A1)", "finding": "missing", "dids": [], "reason": "no dataset",
}  # fmt: skip


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(_api: ActionApi, path: str, **_params: str) -> dict[str, Any]:
        if "26.05.0" not in path:
            raise RequestRefused(404, "No campaign '99.0.0'; there are: 26.05.0")
        return {"results": [FOUND, MISSING]} if path.endswith("paths/") else STANDING

    monkeypatch.setattr(ActionApi, "get", get)


def show(*words: str) -> Any:
    return CliRunner().invoke(app, ["show", "--campaign", "26.05.0", *words])


def test_the_csv_has_a_line_for_each_row_and_no_formula(answers: None):
    rows = list(csv.DictReader(io.StringIO(show("--csv").stdout)))
    assert [row["finding"] for row in rows] == ["found", "missing"]
    assert (rows[0]["rses"], rows[0]["files"], rows[0]["total"]) == ("A 8/8, B 9/9", "8", "9")
    assert (rows[0]["complete"], rows[1]["complete"]) == ("False", "")
    assert rows[0]["contradictions"] == "A: its summary counts 8 files, and 9 files are listed"
    assert (rows[0]["availability"], rows[1]["availability"]) == ("incomplete", "")
    assert rows[1]["requested_path"] == "'=SUM(A1)"


def test_tasks_of_other_campaigns_only_asked_for_it(answers: None):
    (row, _) = csv.DictReader(io.StringIO(show("--csv").stdout))
    assert (row["tasks"], row["requested_by"]) == ("two", "one")


def test_the_json_is_what_the_api_says(answers: None):
    told = json.loads(show("--json").stdout)
    assert told["counts"] == STANDING["counts"]
    assert told["paths"] == [FOUND, MISSING]


def test_the_summary_is_for_people_and_not_in_the_pipe(answers: None):
    shown = show()
    assert (
        "26.05.0: 2 requested, 1 found, 0 complete, 0 replicating, 0 tape, 1 incomplete"
        in shown.stderr
    )
    assert "requested," not in shown.stdout


def test_an_unknown_campaign_is_named_with_the_known_ones(answers: None):
    shown = CliRunner().invoke(app, ["show", "--campaign", "99.0.0"])
    assert shown.exit_code == 1
    assert "No campaign '99.0.0'; there are: 26.05.0" in shown.stderr


def test_json_and_csv_together_are_wrong_usage(answers: None):
    assert show("--json", "--csv").exit_code == 2
