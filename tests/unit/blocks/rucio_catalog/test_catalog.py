"""Names, values and parallel work of the Rucio adapter."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.rucio_catalog import (
    DatasetReplica,
    DidMetadata,
    IncompleteAnswer,
    RucioAccess,
    RucioCatalog,
    RucioUnauthorized,
)
from blocks.rucio_catalog.errors import InvalidName, RucioUnavailable
from blocks.rucio_catalog.names import check_did, check_pattern
from blocks.rucio_catalog.parallel import in_parallel
from blocks.rucio_catalog.records import Answers, time_of
from blocks.rucio_catalog.rows import file_replicas, read

GOOD = [
    "/RECO/26.06.0/epic_craterlake/DIS/NC/18x275/minQ2=10",
    "/EVGEN/SINGLE/e-/10GeV/3to50deg",
    "group.EIC.26.06.0.task.log.41.000001.log.tgz",
    "/a:b+c=d_e-f.g",
    "/" + "x" * 249,
]
BAD = [
    "", "/", "/a b", "/a%b", "/a@b", "/a//b", "//a", "/a/", "/a/../b", "/./a", "..", "/a*",
    "/a\n", "/a\x00", "/ä", "/" + "x" * 250,
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_name_within_the_rules_passes(name):
    check_did("group.EIC", name)


@pytest.mark.parametrize("name", BAD)
def test_a_name_outside_the_rules_is_refused_by_name(name):
    with pytest.raises(InvalidName) as raised:
        check_did("epic", name)
    assert raised.value.did == f"epic:{name}"


@pytest.mark.parametrize("scope", ["", "a b", "epic/x", "x" * 26, "epic\n", "é"])
def test_a_scope_outside_the_rules_is_refused(scope):
    with pytest.raises(InvalidName, match="scope"):
        check_did(scope, "/a")


@given(st.text(max_size=40))
def test_what_passes_can_stand_in_a_url(name):
    try:
        check_did("epic", name)
    except InvalidName:
        return
    assert "//" not in name
    assert name.isascii()
    assert not {".", ".."} & {*name.split("/")}


def test_a_pattern_may_hold_stars():
    check_pattern("epic", "/RECO/26.06.0/*")
    check_pattern("epic", "/*/26.06.0/*")
    with pytest.raises(InvalidName):
        check_pattern("epic", "/RECO/[0-9]*")


def test_times_are_aware_utc():
    assert time_of("Mon, 23 Nov 2026 05:37:24 UTC") == datetime(2026, 11, 23, 5, 37, 24, tzinfo=UTC)
    assert time_of(None) is None


def test_an_open_dataset_has_no_length():
    row = {"scope": "epic", "name": "/a", "did_type": "DATASET", "length": None, "bytes": None}
    record = DidMetadata.of({**row, "is_open": True})
    assert (record.length, record.size_bytes, record.is_open) == (None, None, True)


def test_a_replica_s_record_keeps_rucio_s_own():
    row = {
        "name": "/a", "rse": "BNL-XRD", "length": 9, "available_length": 5, "bytes": 90,
        "available_bytes": 50, "state": "UNAVAILABLE",
        "created_at": "Mon, 23 Nov 2026 05:37:24 UTC", "updated_at": None,
    }  # fmt: skip
    record = DatasetReplica.of(row)
    assert (record.available_length, record.length, record.updated_at) == (5, 9, None)
    assert record.raw is row


def test_replicas_come_in_the_order_of_rse_and_priority_with_the_state_of_their_rse():
    def way(rse: str, priority: int) -> dict[str, Any]:
        return {"rse": rse, "priority": priority, "domain": "wan", "type": "DISK"}

    found = file_replicas({
        "scope": "s", "name": "n", "bytes": 1, "adler32": "00000001",
        "states": {"A": "AVAILABLE", "B": "UNAVAILABLE"},
        "pfns": {"root://b/1": way("B", 1), "root://a/2": way("A", 2), "root://a/1": way("A", 1)},
    })  # fmt: skip
    assert [(each.pfn, each.is_available) for each in found.replicas] == [
        ("root://a/1", True), ("root://a/2", True), ("root://b/1", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "states"),
    [
        ({"states": {"A": "AVAILABLE"}, "pfns": {}}, {"A": "AVAILABLE"}),
        ({"pfns": {"root://a/1": {"rse": "A"}}}, {"A": ""}),
        ({"states": None, "rses": {"B": []}, "pfns": {}}, {"B": ""}),
        ({"states": {"B": "BAD"}, "pfns": {"root://a/1": {"rse": "A"}}}, {"A": "", "B": "BAD"}),
        ({}, {}),
    ],
)
def test_every_rse_that_rucio_names_is_known_with_its_state(row, states):
    found = file_replicas({"scope": "s", "name": "n", **row})
    assert found.states == states


def test_a_row_of_another_form_is_no_answer():
    with pytest.raises(RucioUnavailable, match="another row"):
        list(read(DidMetadata.of, [{"scope": "epic"}]))


def test_answers_with_missing_names_are_not_complete():
    assert Answers({"/a": 1}).complete() == {"/a": 1}
    with pytest.raises(IncompleteAnswer, match="left out 4") as raised:
        Answers({}, ("/a", "/b", "/c", "/d")).complete()
    assert raised.value.missing == ("/a", "/b", "/c", "/d")


def test_parallel_results_keep_the_order_of_the_names():
    found = in_parallel(sum, range(10), size=3, threads=2)
    assert list(found) == [3, 12, 21, 9]


def test_parallel_work_is_not_begun_far_ahead_of_its_reader():
    begun: list[int] = []
    found = in_parallel(lambda chunk: begun.append(chunk[0]), range(100), size=1, threads=2)
    next(found)
    found.close()
    assert len(begun) <= 3


def test_the_first_error_of_parallel_work_is_raised_and_nothing_follows_it():
    begun: list[int] = []
    release = threading.Event()

    def work(chunk: list[int]) -> None:
        begun.append(chunk[0])
        if chunk[0] == 0:
            release.set()
            raise RucioUnavailable("down")
        release.wait(5)

    with pytest.raises(RucioUnavailable):
        list(in_parallel(work, range(100), size=1, threads=2))
    assert len(begun) <= 4


@pytest.mark.parametrize("url", ["http://rucio.example", "ftp://rucio.example", "rucio.example"])
def test_no_credential_travels_without_tls(url):
    catalog = RucioCatalog(RucioAccess(url=url, account="eicread"))
    with pytest.raises(RucioUnauthorized, match="https"):
        catalog.did("epic", "/a")


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [(b"secret", 0o644, "chmod 600"), (b"", 0o600, "holds no"), (b"\xff", 0o600, "no text"),
     (None, 0, "cannot be read")],
)  # fmt: skip
def test_a_password_file_that_is_no_good_is_told(tmp_path: Path, content, mode, said):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    access = RucioAccess(url="https://localhost:1", account="eicread", password_file=path)
    with RucioCatalog(access) as catalog, pytest.raises(RucioUnauthorized, match=said):
        catalog.did("epic", "/a")
