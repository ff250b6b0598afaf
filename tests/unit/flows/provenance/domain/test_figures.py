"""What Rucio's records of a dataset come to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from blocks.rucio_catalog import DatasetReplica, DidMetadata
from flows.common.axes import read_axes
from flows.provenance.domain import figures, names
from flows.provenance.domain.figures import Content, Dataset, Sum
from flows.provenance.domain.join import Requested, join
from flows.provenance.domain.timeline import timeline
from flows.provenance.models import Availability
from flows.provenance.schemas import output_entry
from tests.produced import produced

NOON = datetime(2026, 5, 3, 13, 0, tzinfo=UTC)


def metadata(name: str, length: int | None) -> DidMetadata:
    size = None if length is None else 10 * length
    is_open = length is None
    return DidMetadata("epic", name, "DATASET", length, size, None, is_open, NOON, NOON, {})


def replica(rse: str, available: int | None, total: int | None, **more: Any) -> DatasetReplica:
    given = {"created_at": NOON, "updated_at": NOON, "raw": {"rse": rse}, **more}
    return DatasetReplica(rse, total, available, 10, 10, "AVAILABLE", **given)


def content(files: int, counted: int | None = None) -> Content:
    own = files if counted is None else counted
    return Content(Sum(files, 10 * files), Sum(own, 10 * own))


def dataset(
    *replicas: DatasetReplica,
    rest: str = "DIS/NC",
    length: int | None = 2,
    holding: Content | None = None,
) -> Dataset:
    name = names.parse(f"/RECO/26.05.0/epic_craterlake/{rest}")
    held = content(2) if holding is None else holding
    types = {"TAPE-SE": "TAPE"}
    return figures.dataset(name, metadata(name.name, length), replicas, held, rse_types=types)


def test_all_files_at_each_rse_is_complete():
    whole = dataset(replica("BNL-XRD", 2, 2), replica("ASGC-XRD", 2, 2))
    assert whole.availability is Availability.COMPLETE
    assert [each["rse"] for each in whole.rses] == ["ASGC-XRD", "BNL-XRD"]


def test_another_rse_that_lacks_a_file_is_replicating():
    partly = dataset(replica("BNL-XRD", 2, 2), replica("ASGC-XRD", 1, 2))
    assert partly.availability is Availability.REPLICATING


def test_a_dataset_that_is_nowhere_is_incomplete_and_has_not_arrived():
    nowhere = dataset()
    assert (nowhere.availability, nowhere.arrived_at, nowhere.rses) == (
        Availability.INCOMPLETE, None, (),
    )  # fmt: skip


def test_an_open_dataset_has_no_length_and_counts_what_is_listed():
    still_open = dataset(replica("BNL-XRD", None, None), length=None)
    assert (still_open.length, still_open.size_bytes, still_open.is_open) == (None, None, True)
    assert still_open.content.files == 2
    assert still_open.availability is Availability.INCOMPLETE


def test_it_arrived_with_its_first_replica():
    early = NOON - timedelta(days=1)
    assert dataset(replica("A", 1, 1), replica("B", 1, 1, created_at=early)).arrived_at == early


def test_a_path_is_complete_where_all_that_was_found_of_it_is():
    found = [
        dataset(replica("A", 2, 2)),
        dataset(replica("A", 1, 2), rest="DIS/CC"),
        dataset(replica("A", 2, 2), replica("B", 0, 2), rest="SIDIS"),
        dataset(replica("A", 0, 2), replica("TAPE-SE", 2, 2), rest="DDIS"),
    ]
    requested = [Requested(each, each) for each in ("DIS/NC", "DIS/CC", "SIDIS", "DDIS", "none")]
    counts = figures.counts(join(requested, [each.name for each in found]), found)
    assert (counts["requested"], counts["found"], counts["missing"]) == (5, 4, 1)
    assert [counts[each] for each in Availability] == [1, 1, 1, 1]
    assert (counts["datasets"], counts["files"], counts["size_bytes"]) == (4, 8, 80)


def test_a_path_is_as_its_worst_dataset():
    found = [dataset(replica("A", 2, 2)), dataset(replica("A", 1, 2), rest="Bkg_1/DIS/NC")]
    joined = join([Requested("DIS/NC", "DIS/NC")], [each.name for each in found])
    counts = figures.counts(joined, found)
    assert (counts["found"], counts["complete"], counts["incomplete"]) == (1, 0, 1)


def test_a_file_of_two_datasets_counts_once():
    twins = [
        dataset(replica("A", 2, 2), holding=content(2)),
        dataset(replica("A", 2, 2), rest="DIS/NC/", holding=content(2, counted=0)),
    ]
    counts = figures.counts(join([], [each.name for each in twins]), twins)
    assert (counts["datasets"], counts["files"], counts["size_bytes"]) == (2, 2, 20)
    told = timeline(twins, until=NOON)
    assert (told["reco"]["cum_datasets"], told["reco"]["cum_files"]) == ([2], [2])


def test_a_dataset_that_nobody_asked_for_is_unmatched():
    found = [dataset(replica("A", 2, 2))]
    assert figures.counts(join([], [found[0].name]), found)["unmatched"] == 1


def test_the_timeline_cumulates_from_utc_midnight_to_now():
    late = NOON + timedelta(hours=12)
    arrived = [
        dataset(replica("A", 2, 2)),
        dataset(replica("A", 2, 2, created_at=late), rest="x"),
        dataset(rest="nowhere"),
    ]
    told = timeline(arrived, until=NOON + timedelta(hours=25))
    assert told["dates"] == [
        "2026-05-03T12:00:00+00:00",
        "2026-05-04T00:00:00+00:00",
        "2026-05-04T12:00:00+00:00",
    ]
    assert told["bin_hours"] == 12
    assert told["reco"]["cum_datasets"] == [1, 2, 2]
    assert told["reco"]["cum_files"] == [2, 4, 4]
    assert told["simu"]["cum_bytes"] == [0, 0, 0]


def test_a_timeline_of_nothing_is_empty():
    assert timeline([], until=NOON)["dates"] == []


def test_the_axes_are_what_the_name_tells():
    told = read_axes(["DIS", "NC", "10x100", "minQ2=1"]).filters("epic_craterlake")
    assert told == {
        "detector": "epic_craterlake", "beam": "10x100", "physics": "NC", "q2": "minQ2=1",
    }  # fmt: skip
    assert read_axes(["SINGLE", "pi+", "1GeV"]).filters("d") == {
        "detector": "d", "physics": "SINGLE", "species": "pi+", "energy": "1GeV",
    }  # fmt: skip


def test_of_what_was_closed_without_files_nothing_lacks_and_of_what_is_open_nobody_knows():
    at = [replica("BNL-XRD", 0, 0), replica("ASGC-XRD", 0, 0)]
    closed = dataset(*at, length=0, holding=content(0))
    counted_late = dataset(*at, length=None, holding=content(3))
    still_open = dataset(*at, length=None, holding=content(0))
    told = (closed, counted_late, still_open)
    assert [str(each.availability) for each in told] == ["complete", "incomplete", "incomplete"]
    assert [each.contradictions for each in told] == [(), (), ()]


def test_to_peers_only_what_has_files_is_complete():
    empty, whole = (
        produced(f"/RECO/26.05.0/d/DIS/{total}", files={"BNL-XRD": (total, total)})
        for total in (0, 2)
    )
    assert (empty.is_complete, whole.is_complete) == (True, True)
    told = [output_entry(empty), output_entry(whole)]
    assert [each["complete"] for each in told] == [False, True]
    assert [each["rses"][0]["complete"] for each in told] == [False, True]
