"""A seeded campaign: Rucio says of it what it says of one that was made through its API."""

from __future__ import annotations

import json
import subprocess
import uuid

import pytest

from deployments.sandbox.grid.listing import ListedDataset
from deployments.sandbox.grid.rucio_server import RucioServer
from deployments.sandbox.grid.seed import NothingToSeed, seed
from deployments.sandbox.grid.server_environment import server_python

pytestmark = pytest.mark.integration

TAPE, DISK = "JLAB-TAPE-SE", "BNL-XRD"
TIMES = {"created_at", "updated_at", "closed_at"}


def listed(name, *, files=9, available=5):
    return ListedDataset(name, {TAPE: (files, files), DISK: (available, files)}, files, 9_000_000)


def asked(api, name):
    """What Rucio says of a dataset in the calls that a sweep makes."""
    did = {"scope": "epic", "name": name}
    one = {"dids": [did]}
    whole = {**one, "sort": "random", "all_states": True}
    return {
        "list_dids": api.get("dids", "epic", "dids", "search", name=name, type="dataset"),
        "get_did": api.get("dids", "epic", name),
        "get_metadata_bulk": api.post("dids", "bulkmeta", body=one),
        "bulk_list_files": api.post("dids", "bulkfiles", body=one),
        "list_content": api.get("dids", "epic", name, "dids"),
        "list_files": api.get("dids", "epic", name, "files"),
        "list_dataset_replicas": api.get("replicas", "epic", name, "datasets"),
        "list_dataset_replicas_bulk": api.post("replicas", "datasets_bulk", body=one),
        "list_replicas": api.post("replicas", "list", body=whole),
        "list_rules": api.get("dids", "epic", name, "rules"),
        "list_dataset_locks": api.get("locks", "epic", name, did_type="dataset"),
    }


def made_through_the_api(grid, name, files, *, available, version):
    """A dataset as a production makes it, and the daemon that counts its replicas run once."""
    rows = [{key: file[key] for key in ("scope", "name", "bytes", "adler32")} for file in files]
    with grid.api() as api:
        for rse in (TAPE, DISK):
            api.post("accountlimits", "local", "root", rse, body={"bytes": 10**15})
        api.post("dids", "epic", name, body={"type": "DATASET"})
        api.post("replicas", body={"rse": TAPE, "files": rows})
        if available:
            api.post("replicas", body={"rse": DISK, "files": rows[:available]})
        children = [{"scope": row["scope"], "name": row["name"]} for row in rows]
        api.post("dids", "epic", name, "dids", body={"dids": children})
        for rse in (TAPE, DISK):
            rule = {"dids": [{"scope": "epic", "name": name}], "copies": 1, "rse_expression": rse}
            api.post("rules", "", body={**rule, "account": "root", "grouping": "DATASET"})
        api.put("dids", "epic", name, "status", body={"open": False})
        api.post("dids", "epic", name, "meta", "version", body={"value": version})
    count_replicas(grid)


def count_replicas(grid):
    server = RucioServer(grid.settings)
    daemon = server_python().parent / "rucio-abacus-collection-replica"
    subprocess.run(
        [server_python(), daemon, "--run-once"], env=server.environment(), cwd=server.home,
        check=True, capture_output=True,
    )  # fmt: skip


def plain(answers, old, new):
    """Answers in a form that can be compared: no times, no made ids, in a stable order."""
    text = json.dumps(answers, sort_keys=True).replace(old, new)
    return {call: sorted(map(_plain, rows), key=repr) for call, rows in json.loads(text).items()}


def _plain(value):
    if isinstance(value, dict):
        ids = {"id", "rule_id"}
        kept = {key: each for key, each in value.items() if key not in TIMES | ids}
        if "pfns" in kept:  # their order is random
            kept["pfns"] = {pfn: {**of, "priority": 0} for pfn, of in kept["pfns"].items()}
        return {key: _plain(each) for key, each in kept.items()}
    return value


@pytest.mark.slow
@pytest.mark.parametrize(
    "available",
    [pytest.param(5, marks=pytest.mark.slow), pytest.param(9, marks=pytest.mark.slow), 0],
)
def test_a_seeded_dataset_is_in_every_answer_like_one_made_through_the_api(
    grid, campaign, available
):
    seeded, made = f"/RECO/{campaign}/seeded/minQ2=1", f"/RECO/{campaign}/byhand/minQ2=1"
    seed(grid, [listed(seeded, available=available)])
    with grid.api("eicread") as api:
        expected = asked(api, seeded)
        files = [
            {**file, "name": file["name"].replace(seeded, made)}
            for file in expected["list_content"]
        ]
        made_through_the_api(grid, made, files, available=available, version=campaign)
        found = plain(asked(api, made), made, seeded)
    expected = plain(expected, seeded, seeded)
    for call, rows in expected.items():
        assert found[call] == rows, call
    assert len(expected["list_replicas"]) == 9


def test_a_partly_available_dataset_has_all_its_files_and_some_of_them_there(grid, campaign):
    name = f"/RECO/{campaign}/partly"
    seed(grid, [listed(name)])
    with grid.api("eicread") as api:
        rows = api.get("replicas", "epic", name, "datasets")
    found = {row["rse"]: (row["available_length"], row["length"], row["state"]) for row in rows}
    assert found == {TAPE: (9, 9, "AVAILABLE"), DISK: (5, 9, "UNAVAILABLE")}


def test_seeding_again_changes_nothing(grid, campaign):
    names = [f"/RECO/{campaign}/again/{number}" for number in range(3)]
    first = seed(grid, [listed(name) for name in names])
    with grid.api("eicread") as api:
        before = asked(api, names[0])
        second = seed(grid, [listed(name) for name in names], files_scale=0.5)
        assert (first.datasets, first.files, first.replicas) == (3, 27, 54)
        assert (second.datasets, second.kept) == (0, 3)
        after = asked(api, names[0])
    assert {call: sorted(map(repr, rows)) for call, rows in after.items() if call != "list_replicas"
            } == {
        call: sorted(map(repr, rows)) for call, rows in before.items() if call != "list_replicas"
    }  # fmt: skip


def test_seeding_anew_replaces_what_is_listed_and_leaves_the_rest(grid, campaign):
    names = [f"/RECO/{campaign}/anew/{number}" for number in range(2)]
    seed(grid, [listed(name) for name in names])
    done = seed(grid, [listed(names[0], files=4, available=1)], is_replacing=True)
    assert (done.datasets, done.files, done.kept) == (1, 4, 0)
    with grid.api("eicread") as api:
        lengths = [api.get("dids", "epic", name)[0]["length"] for name in names]
        files = api.get("dids", "epic", "dids", "search", name=f"{names[0]}/*", type="file")
    assert lengths == [4, 9]
    assert len(files) == 4


def test_an_rse_that_a_listing_names_is_made(grid, campaign):
    rse = f"NEW{uuid.uuid4().hex[:6].upper()}-XRD"
    name = f"/RECO/{campaign}/elsewhere"
    seed(grid, [ListedDataset(name, {rse: (2, 2)}, 2, 1000)])
    with grid.api("eicread") as api:
        (row,) = api.get("replicas", "epic", name, "datasets")
    assert (row["rse"], row["bytes"]) == (rse, 1000)


def test_a_dataset_without_files_is_there_and_complete(grid, campaign):
    name = f"/RECO/{campaign}/empty"
    seed(grid, [ListedDataset(name, {TAPE: (0, 0)}, 0, 0)])
    with grid.api("eicread") as api:
        (row,) = api.get("replicas", "epic", name, "datasets")
        (did,) = api.get("dids", "epic", name)
    assert (row["length"], row["available_length"], row["state"]) == (0, 0, "AVAILABLE")
    assert (did["length"], did["bytes"], did["open"]) == (0, 0, False)


def test_an_empty_listing_is_refused(grid):
    with pytest.raises(NothingToSeed):
        seed(grid, [])
