"""The sandbox's grid: whom Rucio and the doors let in, and what they give."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess

import httpx
import pytest

from blocks.errors import ProdOpsError
from deployments.sandbox.grid.rucio_api import RucioRefused
from deployments.sandbox.grid.rucio_server import RucioServer
from deployments.sandbox.grid.server_environment import server_python
from deployments.stack.parts import grid_parts

pytestmark = pytest.mark.integration

LFN = "/RECO/99.9.9/epic_craterlake/x/minQ2=1/a.root"
BOUNDS = {"XRD_CONNECTIONRETRY": "1", "XRD_REQUESTTIMEOUT": "5", "XRD_TIMEOUTRESOLUTION": "1"}


def signed_in(grid, proxy):
    """The answer to a client that shows a proxy."""
    context = ssl.create_default_context(cafile=grid.ca_file)
    context.load_cert_chain(proxy)
    with httpx.Client(base_url=grid.url, verify=context) as client:
        return client.get("/auth/x509_proxy", headers={"X-Rucio-Account": "panda"})


def copied(grid, rse, proxy, to):
    """What Debian's xrdcp says to the copy of a file from a door."""
    program = shutil.which("xrdcp")
    if program is None:
        pytest.skip("xrdcp is not installed")
    environment = {"PATH": os.environ["PATH"], "X509_CERT_DIR": str(grid.ca_dir), **BOUNDS}
    environment["X509_USER_PROXY"] = str(proxy or "/nonexistent")
    command = [program, "-f", "--nopbar", grid.pfn(rse, LFN), str(to)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_rucio_is_the_release_that_production_has(grid):
    answer = httpx.get(f"{grid.url}/ping", verify=ssl.create_default_context(cafile=grid.ca_file))
    assert answer.json() == {"version": "41.5.1"}


def test_rucio_lets_an_rfc_3820_proxy_in_as_its_user(grid):
    answer = signed_in(grid, grid.proxy)
    assert answer.status_code == 200
    assert answer.headers["X-Rucio-Auth-Token"]


def test_rucio_refuses_a_stranger_and_ends_the_handshake_of_an_expired_proxy(grid):
    assert signed_in(grid, grid.strangers_proxy).status_code == 401
    with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
        signed_in(grid, grid.expired_proxy)


@pytest.mark.parametrize("account", ["root", "panda", "eicread"])
def test_each_account_signs_in_with_its_password(grid, account):
    with grid.api(account) as api:
        assert api.get("accounts", account)[0]["account"] == account


def test_the_reader_may_not_write(grid, campaign):
    with grid.api("eicread") as api, pytest.raises(RucioRefused, match="401"):
        api.post("dids", "epic", f"/RECO/{campaign}/x", body={"type": "DATASET"})


def test_a_name_that_begins_with_a_slash_is_stored_with_one(grid, campaign):
    name = f"/RECO/{campaign}/slash"
    with grid.api("panda") as api:
        api.post("dids", "epic", name, body={"type": "DATASET"})
        (found,) = api.get("dids", "epic", name)
    assert found["name"] == name


def test_the_door_gives_its_files_to_the_holder_of_a_proxy_only(grid, tmp_path):
    grid.put("BNL-XRD", LFN, b"payload")
    out = tmp_path / "out"
    assert copied(grid, "BNL-XRD", grid.proxy, out).returncode == 0
    assert out.read_bytes() == b"payload"
    assert "[3010]" in copied(grid, "BNL-XRD", grid.strangers_proxy, out).stderr
    assert "Auth failed" in copied(grid, "BNL-XRD", grid.expired_proxy, out).stderr
    assert "Auth failed" in copied(grid, "BNL-XRD", None, out).stderr


def test_the_open_door_asks_for_nothing(grid, tmp_path):
    grid.put("EIC-XRD", LFN, b"for all")
    assert copied(grid, "EIC-XRD", None, tmp_path / "out").returncode == 0
    assert (tmp_path / "out").read_bytes() == b"for all"


def test_an_rse_that_is_made_on_the_fly_has_a_place_of_its_own(grid, tmp_path):
    grid.ensure_rse("FLY-XRD")
    grid.ensure_rse("FLY-XRD")
    grid.put("FLY-XRD", LFN, b"there")
    assert copied(grid, "FLY-XRD", None, tmp_path / "out").returncode == 0
    assert grid.door_path("FLY-XRD", LFN) != grid.door_path("EIC-XRD", LFN)


def protocols(grid, *rses):
    with grid.api() as api:
        return [(rse, api.get("rses", rse)[0]["protocols"]) for rse in rses]


@pytest.mark.slow
def test_rses_lead_to_where_the_doors_are_now_also_those_made_on_the_fly(grid):
    grid.ensure_rse("MOVED-XRD")
    before = protocols(grid, "EIC-XRD", "MOVED-XRD")
    moved = grid.settings.sandbox.model_copy(update={"door_open_port": 1})
    elsewhere = grid.settings.model_copy(update={"sandbox": moved})
    try:
        RucioServer(elsewhere).prepare(server_python())
        moved_to = protocols(grid, "EIC-XRD", "MOVED-XRD")
        assert {found[0]["port"] for _, found in moved_to} == {1}
    finally:
        RucioServer(grid.settings).prepare(server_python())
    assert protocols(grid, "EIC-XRD", "MOVED-XRD") == before


def test_a_closed_part_refuses_and_comes_back(grid):
    with grid.closed("door-open"), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", grid.doors["door-open"].port), 2)
    socket.create_connection(("127.0.0.1", grid.doors["door-open"].port), 2).close()


def test_a_stalled_rucio_accepts_and_does_not_answer_and_then_goes_on(grid):
    context = ssl.create_default_context(cafile=grid.ca_file)
    with grid.stalled("rucio"), pytest.raises(httpx.TimeoutException):
        httpx.get(f"{grid.url}/ping", verify=context, timeout=0.5)
    assert httpx.get(f"{grid.url}/ping", verify=context).status_code == 200


def test_no_password_is_anyone_elses(grid):
    files = [grid.password_file(account) for account in ("root", "panda", "eicread")]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert len({file.read_text() for file in files}) == 3


def test_a_stack_without_a_database_of_its_own_has_no_grid(grid):
    database = grid.settings.database.model_copy(update={"url": "postgresql+psycopg://x@y/z"})
    elsewhere = grid.settings.model_copy(update={"database": database})
    with pytest.raises(ProdOpsError, match="PRODOPS_SANDBOX_GRID"):
        grid_parts(elsewhere)
