"""Registering inputs on a real Rucio from a real door: planned, done once, gone on with."""

from __future__ import annotations

import itertools
import os
import zlib

import pytest

from blocks.rucio_catalog import RucioRegistration
from flows.common.settings import settings
from flows.provenance.models import EVGEN, Finding, RequestedPath
from tests.input_runs import Runs, rucio, runs
from tests.sweeps import ROOT, asking

pytestmark = pytest.mark.integration
__all__ = ["rucio", "runs"]

REGISTER = "register_evgen"
RSE = "EIC-XRD"
_numbers = itertools.count(1)


@pytest.fixture
def suffix() -> str:
    """A suffix that no other test uses."""
    return f"R{os.getpid()}n{next(_numbers)}/pythia8.316-1.0/10x100"


@pytest.fixture
def asked(runs: Runs, rucio, suffix: str) -> Runs:
    """An input of two files that is requested and not registered."""
    store(rucio, suffix, a=b"one", b=b"twenty-two")
    runs.requested = [asking("my-task", suffix)]
    return runs


def store(rucio, suffix: str, **files: bytes) -> None:
    for name, content in files.items():
        rucio.put(RSE, f"/EVGEN/{suffix}/{name}.hepmc3.tree.root", content)


def paths_of(suffix: str) -> list[str]:
    return [f"{ROOT}/{suffix}"]


def register(runs: Runs, suffix: str, **more):
    """The result's entry of the dataset."""
    told = runs.run(REGISTER, paths=paths_of(suffix), dry_run=False, **more)
    return told["datasets"][0]


def at_rucio(rucio, suffix: str) -> dict[str, tuple[int, str]]:
    with rucio.api() as api:
        rows = api.get("dids", "epic", f"/EVGEN/{suffix}", "files")
    return {row["name"].rpartition("/")[2]: (row["bytes"], row["adler32"]) for row in rows}


def is_known(rucio, suffix: str) -> bool:
    with rucio.api() as api:
        return bool(api.get("dids", "epic", "dids", "search", name=f"/EVGEN/{suffix}"))


def test_at_first_it_is_only_told_what_would_be_done(asked, rucio, suffix):
    told = asked.run(REGISTER, paths=paths_of(suffix))
    assert (told["dry_run"], told["to_register"], told["registered"]) == (True, 1, 0)
    (entry,) = told["datasets"]
    assert (entry["verdict"], entry["files"], entry["size_bytes"]) == ("register", 2, 13)
    assert entry["did"] == f"epic:/EVGEN/{suffix}"
    assert asked.events("evgen_registered") == []
    assert not is_known(rucio, suffix)


def test_files_are_registered_with_size_checksum_and_place(asked, rucio, suffix):
    assert register(asked, suffix)["is_registered"] is True
    name = "a.hepmc3.tree.root"
    assert at_rucio(rucio, suffix)[name] == (3, f"{zlib.adler32(b'one'):08x}")
    with rucio.api() as api:
        wanted = [{"scope": "epic", "name": f"/EVGEN/{suffix}/{name}"}]
        (row,) = api.post("replicas", "list", body={"dids": wanted})
        dataset = api.get("dids", "epic", f"/EVGEN/{suffix}")[0]
    assert list(row["rses"]) == [RSE]
    assert row["rses"][RSE][0].endswith(f"/EVGEN/{suffix}/{name}")
    assert (dataset["open"], dataset["length"]) == (False, 2)


def test_a_registration_is_told_and_seen_in_the_coverage(asked, suffix):
    register(asked, suffix)
    (event,) = asked.events("evgen_registered")
    assert (event["did"], event["dataset"]) == (f"epic:/EVGEN/{suffix}", f"/EVGEN/{suffix}")
    assert (event["files"], event["ok"]) == (2, True)
    (row,) = asked.rows(RequestedPath, campaign=EVGEN)
    assert (row.finding, row.reason) == (Finding.FOUND, None)


def test_a_second_registration_changes_nothing(asked, rucio, suffix):
    register(asked, suffix)
    before = at_rucio(rucio, suffix)
    again = register(asked, suffix)
    assert (again["verdict"], again["is_registered"]) == ("nothing", False)
    assert at_rucio(rucio, suffix) == before
    assert len(asked.events("evgen_registered")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("lost_in", ["ensure_dataset", "attach_files", "close_dataset"])
def test_what_a_lost_run_left_is_completed_by_the_next(asked, rucio, suffix, lost_in, monkeypatch):
    parameters = {"dry_run": False}
    attempt = asked.hold(REGISTER, parameters)
    with monkeypatch.context() as broken:
        broken.setattr(RucioRegistration, lost_in, _killed)
        with pytest.raises(KeyboardInterrupt):
            asked.end(attempt, REGISTER, **parameters)
    ended = asked.end(asked.lose(attempt), REGISTER, **parameters)
    assert (ended.state, ended.error) == ("completed", None)
    assert len(at_rucio(rucio, suffix)) == 2
    with rucio.api() as api:
        assert api.get("dids", "epic", f"/EVGEN/{suffix}")[0]["open"] is False


def test_a_file_that_grew_is_a_conflict_and_is_not_overwritten(asked, rucio, suffix):
    register(asked, suffix)
    store(rucio, suffix, a=b"one and more")
    refused = asked.run(REGISTER, paths=paths_of(suffix), dry_run=False)["datasets"][0]
    assert refused["verdict"] == "refuse"
    assert "with 3 bytes, the storage with 12" in refused["reason"]
    assert at_rucio(rucio, suffix)["a.hepmc3.tree.root"][0] == 3


def test_another_checksum_is_a_conflict_and_is_told(asked, rucio, suffix):
    name = f"/EVGEN/{suffix}/a.hepmc3.tree.root"
    file = {"scope": "epic", "name": name, "bytes": 3, "adler32": "00000001"}
    with rucio.api() as api:
        api.post("replicas", body={"rse": RSE, "files": [file]})
    error = asked.fail(REGISTER, paths=paths_of(suffix), dry_run=False)
    assert "adler32 00000001" in error
    (event,) = asked.events("evgen_registered")
    assert (event["ok"], event["did"]) == (False, f"epic:/EVGEN/{suffix}")
    assert not is_known(rucio, suffix)


def test_a_file_added_after_the_dataset_was_closed_is_refused(asked, rucio, suffix):
    register(asked, suffix)
    store(rucio, suffix, c=b"late")
    entry = asked.run(REGISTER, paths=paths_of(suffix))["datasets"][0]
    assert entry["reason"] == "the dataset is closed, and 1 of 3 files are not in it"


def test_what_the_storage_lacks_or_rucio_could_not_name_is_refused_with_the_reason(
    runs, rucio, suffix
):
    store(rucio, f"{suffix}/named", **{"a b": b"x"})
    store(rucio, f"{suffix}/empty", a=b"")
    parts = ("absent", "named", "empty")
    runs.requested = [asking(part, f"{suffix}/{part}") for part in parts]
    told = runs.run(REGISTER, paths=[path for p in parts for path in paths_of(f"{suffix}/{p}")])
    reasons = {entry["did"].rpartition("/")[2]: entry["reason"] for entry in told["datasets"]}
    assert reasons["absent"] == "the storage has no such directory"
    assert reasons["named"].startswith("names outside Rucio's rules")
    assert reasons["empty"].startswith("empty files")
    assert (told["refused"], told["to_register"]) == (3, 0)


def test_of_a_directory_only_the_files_that_are_asked_for_are_registered(runs, rucio, suffix):
    store(rucio, suffix, a=b"one", b=b"twenty-two")
    runs.requested = [asking("my-task", f"{suffix}/b.hepmc3.tree.root")]
    runs.run(REGISTER, paths=paths_of(f"{suffix}/b.hepmc3.tree.root"), dry_run=False)
    assert list(at_rucio(rucio, suffix)) == ["b.hepmc3.tree.root"]
    (row,) = runs.rows(RequestedPath, campaign=EVGEN)
    assert row.finding == Finding.FOUND


def test_an_identity_that_may_not_write_is_told_so(asked, rucio, suffix, monkeypatch):
    reader = {"ACCOUNT": "eicread", "USERNAME": "eicread"}
    reader["PASSWORD_FILE"] = str(rucio.password_file("eicread"))
    for name, value in reader.items():
        monkeypatch.setenv(f"PRODOPS_RUCIO_PRODUCED_{name}", value)
    settings.cache_clear()
    error = asked.fail(REGISTER, paths=paths_of(suffix), dry_run=False)
    assert "Rucio does not let us in" in error
    assert not is_known(rucio, suffix)


def test_a_closed_door_fails_the_plan_and_registers_nothing(asked, rucio, suffix):
    with rucio.closed("door-open"):
        error = asked.fail(REGISTER, paths=paths_of(suffix), dry_run=False)
    assert "closed door" in error
    assert asked.events("evgen_registered")[-1]["ok"] is False
    assert not is_known(rucio, suffix)


def test_a_path_that_nobody_requested_is_refused_by_name(asked):
    error = asked.fail(REGISTER, paths=[f"{ROOT}/nobody/asked"])
    assert error == f"no task of PCS asks for '{ROOT}/nobody/asked'"


def test_without_a_storage_it_is_refused_and_names_the_setting(asked, monkeypatch):
    monkeypatch.delenv("PRODOPS_PROVENANCE_EVGEN_URL")
    settings.cache_clear()
    assert "PRODOPS_PROVENANCE_EVGEN_URL" in asked.fail(REGISTER)


def _killed(*_args, **_more):
    raise KeyboardInterrupt
