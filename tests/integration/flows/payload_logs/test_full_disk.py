"""A full or read-only disk under copies or cache: a fetch says so, and what is there is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cases import same
from tests.support.payload_logs.fetches import PILOT, STDOUT, Fetches, fetches
from tests.support.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.integration
__all__ = ["fetches"]

SHOWN = {"payload.stdout": STDOUT, "pilotlog.txt": PILOT}


@pytest.fixture(params=["state", "public"], ids=["copies", "cache"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / request.param, mebibytes=1) as disk:
        yield disk


@pytest.mark.parametrize("how", same("full", "read-only"))
def test_a_fetch_says_what_the_disk_refuses_and_the_next_one_heals(
    fetches: Fetches, disk: SmallDisk, how: str
):
    there, wanted = fetches.job(), fetches.job()
    fetches.run(**there)
    reason = disk.spoil(how)
    said = fetches.fail(**wanted)
    assert reason in said
    assert str(disk.path) in said
    assert fetches.row(wanted).attempts == 0  # it is not the job's fault
    assert fetches.run(**there)["source"] == "cache"
    assert fetches.files(there) == SHOWN
    disk.heal()
    assert fetches.run(**wanted)["source"] == "BNL-XRD"
    assert fetches.files(wanted) == SHOWN
    assert fetches.left() == []
