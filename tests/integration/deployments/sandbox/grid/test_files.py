"""The sandbox of a machine without XRootD's server: its doors are plain files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deployments.sandbox.grid import programs
from deployments.sandbox.grid.logs import make_log
from tests.grid import running_grid

pytestmark = pytest.mark.integration

PANDAS, SLASHED = "group.EIC.99.3.task.log.7.000001.log.tgz", "/RECO/99.3/task.log.7.log.tgz"


@pytest.fixture(scope="module")
def plain():
    """A grid whose doors are files, as where XRootD is not installed."""
    with running_grid(PRODOPS_SANDBOX_FILE_DOORS="true") as grid:
        yield grid


@pytest.mark.slow
def test_no_door_runs(plain):
    assert plain.stack.part_names == ("postgres", "rucio")


@pytest.mark.slow
@pytest.mark.parametrize("lfn", [PANDAS, SLASHED])
def test_a_log_is_a_file_that_its_pfn_names(plain, lfn):
    log = make_log(plain, scope="group.EIC", lfn=lfn, content=b"bytes")
    with plain.api("eicread") as api:
        body = {"dids": [{"scope": log.scope, "name": log.lfn}]}
        (found,) = api.post("replicas", "list", body=body)
    (pfn,) = found["pfns"]
    assert pfn == plain.pfn("BNL-XRD", lfn)
    assert urlsplit(pfn).scheme == "file"
    assert Path(urlsplit(pfn).path).read_bytes() == b"bytes"


def test_the_sandbox_says_what_to_install():
    assert "xrootd-server" in programs.DOORS_ARE_FILES
