"""Completion reports of made-up rows: numbers, changes, and forms that keep their shape."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

from flows.provenance.domain.reports import as_csv, as_markdown
from flows.provenance.domain.reports.body import make_body
from flows.provenance.domain.reports.changes import Changed
from flows.provenance.domain.reports.evidence import Evidence
from flows.provenance.models import (
    Availability,
    CampaignSweep,
    Finding,
    PathMatch,
    ProducedDataset,
    RequestedPath,
    Rule,
    SweepState,
)
from tests.produced import produced

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
AT = "/RECO/26.05.0/epic_craterlake"


def dataset(id_: int, suffix: str, *, have: int = 3, **more) -> ProducedDataset:
    return produced(f"{AT}/{suffix}", files={"BNL-XRD": (have, 3)}, id=id_, **more)


def path(suffix: str, finding: Finding = Finding.FOUND, **more) -> RequestedPath:
    columns = {"campaign": "26.05.0", "path": f"/x/{suffix}", "suffix": suffix, "finding": finding}
    return RequestedPath(**columns, requestor="edt", tasks=[], campaign_tasks=[], **more)


def match(suffix: str, id_: int, rule: Rule = Rule.EXACT, **more) -> PathMatch:
    return PathMatch(campaign="26.05.0", path=f"/x/{suffix}", dataset_id=id_, rule=rule, **more)


def swept(state: SweepState = SweepState.OK, hours: float = 1, error: str | None = None):
    return CampaignSweep(
        campaign="26.05.0", state=state, error=error, attempted_at=NOW,
        checked_at=NOW - timedelta(hours=hours),
    )  # fmt: skip


def body(paths=(), matches=(), datasets=(), sweep=None, before=None):
    evidence = Evidence(
        "26.05.0",
        sweep or swept(),
        list(paths),
        list(matches),
        {each.id: each for each in datasets},
    )
    return make_body(evidence, made_at=NOW, stale_after=timedelta(hours=36), before=before)


def test_a_path_is_complete_where_all_that_was_produced_of_it_is():
    told = body(
        [path("a"), path("b")],
        [match("a", 1), match("a", 2), match("b", 3)],
        [dataset(1, "a"), dataset(2, "other/a", have=1), dataset(3, "b")],
    )
    assert [each["is_complete"] for each in told["paths"]] == [False, True]
    assert (told["counts"]["complete"], told["counts"]["incomplete"]) == (1, 1)


def test_what_is_found_is_complete_replicating_on_tape_or_incomplete():
    at = {
        "a": {"BNL-XRD": (3, 3)},
        "b": {"BNL-XRD": (3, 3), "EIC-XRD": (0, 3)},
        "c": {"BNL-XRD": (0, 3), "JLAB-TAPE-SE": (3, 3)},
        "d": {"BNL-XRD": (2, 3)},
    }
    datasets = [
        produced(f"{AT}/{suffix}", files=files, id=number)
        for number, (suffix, files) in enumerate(at.items())
    ]
    told = body(
        [path(suffix) for suffix in at],
        [match(suffix, number) for number, suffix in enumerate(at)],
        datasets,
    )
    assert [each["availability"] for each in told["paths"]] == [
        "complete", "replicating", "tape", "incomplete",
    ]  # fmt: skip
    assert [each["files"] for each in told["paths"]] == [3, 3, 0, 2]
    counts = told["counts"]
    assert [counts[each] for each in Availability] == [1, 1, 1, 1]
    assert (counts["files"], counts["total_files"]) == (8, 12)
    text = as_markdown.text(told)
    for words in ("available, replicating", "on tape only", "| 8/12 | 66.6 % |"):
        assert words in text


def test_the_files_of_twins_count_once():
    own = {"counted_files": 1, "counted_bytes": 5}
    twin = produced(f"{AT}/a/", files={"BNL-XRD": (3, 3)}, id=2, suffix="a", **own)
    twins = [dataset(1, "a"), twin]
    told = body([path("a")], [match("a", 1), match("a", 2)], twins)
    assert told["paths"][0]["total_files"] == told["counts"]["total_files"] == 4
    assert told["by_rse"][0]["files"] == told["by_detector_config"][0]["files"] == 4


def test_counts_that_contradict_are_named():
    words = "BNL-XRD: its summary counts 3 files, and 4 files are listed"
    told = body([], [], [dataset(1, "a", contradictions=[words]), dataset(2, "b")])
    assert told["contradictory"] == [{"did": f"epic:{AT}/a", "contradictions": [words]}]
    assert told["counts"]["contradictory"] == 1
    assert words in as_markdown.text(told)


def test_tasks_of_other_campaigns_only_requested_the_path():
    asked = path("a")
    asked.tasks, asked.campaign_tasks = ["draft", "own"], ["own"]
    (row,) = csv.DictReader(io.StringIO(as_csv.table(body([asked])), newline=""))
    assert (row["tasks"], row["requested_by"]) == ("own", "draft")


def test_a_suggestion_finds_nothing_and_leaves_its_dataset_unmatched():
    told = body([path("a", Finding.MISSING)], [match("a", 1, Rule.VERSION)], [dataset(1, "z")])
    assert (told["counts"]["found"], told["counts"]["missing"]) == (0, 1)
    assert told["paths"][0]["suggestions"] == [f"epic:{AT}/z"]
    assert [each["did"] for each in told["unmatched"]] == [f"epic:{AT}/z"]


def test_of_a_file_request_only_its_files_count():
    told = body([path("a")], [match("a", 1, Rule.FILE, file_count=2)], [dataset(1, "d")])
    assert (told["paths"][0]["files"], told["paths"][0]["total_files"]) == (2, 2)
    assert told["paths"][0]["rules"] == ["file"]


def test_all_is_a_hundred_percent_and_nearly_all_is_less():
    rows = [path(f"{number:04}") for number in range(3000)]
    hits = [match(f"{number:04}", number) for number in range(2999)]
    told = body(rows, hits, [dataset(number, f"{number:04}") for number in range(2999)])
    assert told["percent"]["found"] == 99.9
    assert body()["percent"] == {"found": None, "complete": None, "files": None}


def test_fresh_evidence_is_no_warning_and_stale_evidence_is():
    assert body()["evidence"]["warning"] is None
    stale = body(sweep=swept(hours=40))["evidence"]
    assert (stale["is_stale"], stale["warning"]) == (True, "What follows is 40 hours old.")


def test_a_first_sweep_that_failed_says_that_nothing_is_known():
    sweep = CampaignSweep(
        campaign="26.05.0", state=SweepState.FAILED, error="no answer", attempted_at=NOW,
        checked_at=None,
    )  # fmt: skip
    told = body([path("a", Finding.UNKNOWN)], sweep=sweep)
    assert "never answered" in told["evidence"]["warning"]
    assert (told["counts"]["unknown"], told["counts"]["missing"]) == (1, 0)


def test_changes_are_told_by_path():
    old = body(
        [path("found"), path("half"), path("lost"), path("gone"), path("new", Finding.MISSING)],
        [match("found", 1), match("half", 2), match("lost", 3), match("gone", 4)],
        [dataset(1, "found"), dataset(2, "half", have=1), dataset(3, "lost"), dataset(4, "gone")],
    )
    told = body(
        [path("found"), path("half"), path("lost", Finding.MISSING), path("new"), path("asked")],
        [match("found", 1), match("half", 2), match("new", 5), match("asked", 6)],
        [dataset(1, "found", have=2), dataset(2, "half"), dataset(5, "new"), dataset(6, "asked")],
        before=Changed(7, NOW, old),
    )["changes"]
    assert told == {
        "since_id": 7,
        "since": NOW.isoformat(),
        "newly_found": ["/x/new"],
        "newly_complete": ["/x/half", "/x/new"],
        "lost": ["/x/lost"],
        "no_longer_complete": ["/x/found"],
        "newly_requested": ["/x/asked"],
        "no_longer_requested": ["/x/gone"],
        "files": [
            {"path": "/x/found", "before": 3, "after": 2},
            {"path": "/x/half", "before": 1, "after": 3},
        ],
    }


def test_what_became_unknown_is_not_lost():
    old = body([path("a")], [match("a", 1)], [dataset(1, "a")])
    told = body([path("a", Finding.UNKNOWN)], before=Changed(1, NOW, old))["changes"]
    assert told["lost"] == []


def test_the_same_again_is_no_change():
    old = body([path("a")], [match("a", 1)], [dataset(1, "a")])
    told = body([path("a")], [match("a", 1)], [dataset(1, "a")], before=Changed(1, NOW, old))
    assert "Nothing changed." in as_markdown.text(told)


def test_nothing_that_people_write_breaks_a_table_or_becomes_markup():
    told = body([path("a", Finding.MISSING, reason="a | b\n# <b>*c*</b>")])
    (line,) = [each for each in as_markdown.text(told).splitlines() if "`/x/a`" in each]
    assert line.endswith("| a \\| b # \\<b\\>\\*c\\*\\</b\\> |")


def test_no_cell_of_the_csv_is_a_formula():
    told = body([path("a", Finding.MISSING, reason="=HYPERLINK(1)")])
    (row,) = csv.DictReader(io.StringIO(as_csv.table(told), newline=""))
    assert row["reason"] == "'=HYPERLINK(1)"
    assert (row["path"], row["finding"], row["is_complete"]) == ("/x/a", "missing", "no")


def test_the_subject_says_when_the_evidence_is_bad():
    assert "NOT UP TO DATE" in as_markdown.headline(body(sweep=swept(hours=99)))
    assert "NOT UP TO DATE" not in as_markdown.headline(body())
