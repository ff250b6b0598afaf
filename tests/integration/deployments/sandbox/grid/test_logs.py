"""Payload logs that tests make: the catalogue says what it is told, the doors have the bytes."""

from __future__ import annotations

import io
import tarfile
import zlib

import pytest

from deployments.sandbox.grid.logs import ReplicaState, make_log

pytestmark = pytest.mark.integration

LFN = "group.EIC.99.1.task.log.101.000001.log.tgz"


def replicas(grid, log, **more):
    body = {"dids": [{"scope": log.scope, "name": log.lfn}], "sort": "random", **more}
    with grid.api("eicread") as api:
        return api.post("replicas", "list", body=body)


def test_a_log_is_in_the_catalogue_and_at_its_door(grid):
    log = make_log(grid, scope="group.EIC", lfn=LFN, members={"job/payload.stdout": b"hello\n"})
    (found,) = replicas(grid, log)
    assert found["bytes"] == len(log.content)
    assert found["adler32"] == f"{zlib.adler32(log.content):08x}"
    assert list(found["pfns"]) == [grid.pfn("BNL-XRD", LFN)]
    stored = grid.door_path("BNL-XRD", LFN).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(stored)) as tar:
        assert tar.extractfile("job/payload.stdout").read() == b"hello\n"


def test_a_log_may_have_any_state_and_any_number_of_doors(grid):
    states = {"BNL-XRD": ReplicaState.BAD, "EIC-XRD": ReplicaState.AVAILABLE}
    log = make_log(grid, scope="group.EIC", lfn=LFN, content=b"no tar ball", rses=states)
    (found,) = replicas(grid, log, all_states=True)
    assert found["states"] == {"BNL-XRD": "BAD", "EIC-XRD": "AVAILABLE"}
    assert grid.door_path("EIC-XRD", LFN).read_bytes() == b"no tar ball"


def test_the_catalogue_may_be_wrong_about_a_log(grid):
    wrong = {"size_bytes": 7, "adler32": "00000001", "is_stored": False}
    lfn = f"{LFN}.wrong"
    log = make_log(grid, scope="group.EIC", lfn=lfn, content=b"x", **wrong)
    (found,) = replicas(grid, log)
    assert (found["bytes"], found["adler32"]) == (7, "00000001")
    assert not grid.door_path("BNL-XRD", lfn).exists()


def test_a_scope_that_is_not_there_is_made(grid):
    log = make_log(grid, scope="user.anna", lfn="/anna/some.log.tgz", content=b"x")
    (found,) = replicas(grid, log)
    assert found["scope"] == "user.anna"
