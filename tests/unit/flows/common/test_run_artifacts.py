"""What an ended run leaves at Prefect, by its request."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.common import actions
from flows.common.models import Request, RequestState
from flows.common.run_artifacts import Artifact, artifacts_of

RUN = uuid.uuid4()
BEGAN = datetime(2026, 12, 1, 12, tzinfo=UTC)
COUNTS = {"requested": 310, "found": 254}


def left_by(action: str, parameters: dict[str, Any], **values: Any) -> list[Artifact]:
    known: dict[str, Any] = {
        "id": 41, "action": action, "parameters": parameters, "requested_by": "alice",
        "source": "api", "state": RequestState.COMPLETED, "attempts": 1, "created_at": BEGAN,
        "started_at": BEGAN + timedelta(seconds=1), "finished_at": BEGAN + timedelta(seconds=3.5),
    }  # fmt: skip
    request = Request(**known | values)
    return artifacts_of(request, actions.get(action), "http://monitor/prod", RUN)


def summary_of(action: str, parameters: dict[str, Any], **values: Any) -> str:
    return str(left_by(action, parameters, **values)[0].data)


def test_a_summary_links_the_pages_and_says_how_it_went():
    [left] = left_by("submit_task", {"task_name": "group.EIC.x"}, result={"jedi_task_id": 7})
    assert (left.key, left.type) == ("submit-task-group-eic-x", "markdown")
    for part in (
        "[request](http://monitor/prod/requests/41/)",
        "[task](http://monitor/prod/pcs/tasks/group.EIC.x)",
        "| Outcome | **completed** |",
        "| Waited | 1.0 s |",
        "| Took | 2.5 s |",
        r"| jedi\_task\_id | 7 |",
    ):
        assert part in left.data
    assert left.body()["flow_run_id"] == str(RUN)


def test_a_failure_says_why_and_its_words_stay_words():
    text = summary_of(
        "submit_task", {"task_name": "t"}, state=RequestState.FAILED, error="<b>no|quota</b>"
    )
    assert "\n\n&lt;b&gt;no\\|quota&lt;/b&gt;\n\n" in text


def test_what_was_put_off_says_that_a_later_run_goes_on():
    text = summary_of("submit_task", {"task_name": "t"}, state=RequestState.UNKNOWN)
    assert "| Outcome | **unknown: a later run goes on** |" in text


@pytest.mark.parametrize(
    ("action", "parameters", "result", "rows"),
    [
        (
            "campaign_provenance_sweep",
            {"campaign": "26.05.0"},
            {"campaign": "26.05.0", **COUNTS, "seconds": 1.5},
            [
                {"campaign": "26.05.0", "what": "requested", "number": 310},
                {"campaign": "26.05.0", "what": "found", "number": 254},
            ],
        ),
        (
            "sweep_producing_campaigns",
            {},
            {"rucio_snapshot_update": {"26.05.0": COUNTS}},
            [{"campaign": "26.05.0", **COUNTS}],
        ),
        (
            "report_completion",
            {},
            {"campaign": "26.05.0", "report_id": 3, "counts": {"found": 254}},
            [{"campaign": "26.05.0", "what": "found", "number": 254}],
        ),
    ],
)
def test_a_sweep_and_a_report_leave_a_table(action, parameters, result, rows):
    _, table = left_by(action, parameters, result=result)
    assert (table.type, json.loads(table.data)) == ("table", rows)


def test_one_that_failed_leaves_no_table():
    state = RequestState.FAILED
    assert len(left_by("campaign_provenance_sweep", {"campaign": "x"}, state=state)) == 1


def test_a_long_result_is_bounded():
    text = summary_of("check_pipeline", {}, result={str(each): each for each in range(1000)})
    assert len(text.splitlines()) < 60


@pytest.mark.parametrize("task", ["Ä/../<x>", "t-", "x" * 300])
def test_a_key_is_one_that_prefect_takes(task):
    [left] = left_by("submit_task", {"task_name": task})
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", left.key)
    assert len(left.key) <= 120
