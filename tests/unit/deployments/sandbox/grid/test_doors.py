"""The doors' places: of RSEs, of files, and of sockets whose paths have a limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.sandbox.grid import programs
from deployments.sandbox.grid.doors import Door, place_of, protocol_of
from deployments.stack.accounts import Account

SOMEONE = Account("someone", 1234, 1234, Path("/home/someone"))


def made(directory, *, is_file=False):
    base = Path(directory)
    names = ("door", "door-open")
    return {name: Door(name, 1094, SOMEONE, base / name, is_file) for name in names}


def test_each_rse_has_a_place_of_its_own():
    places = {place_of(rse) for rse in ("BNL-XRD", "EIC-XRD", "ASGC-XRD", "NEW-SE")}
    assert len(places) == 4
    assert place_of("BNL-XRD") == ("door", "eic")


def test_sockets_are_beside_the_data_unless_that_path_is_too_long():
    short, long = made("/home/someone/state")["door"], made("/home/" + "x" * 90)["door"]
    assert short.admin == Path("/home/someone/state/door/admin")
    assert len(str(long.admin)) < 60
    assert "1234" in long.admin.name


def test_a_pfn_is_the_prefix_with_two_slashes_and_the_name():
    protocol = protocol_of("BNL-XRD", made("/x"))
    assert (protocol["scheme"], protocol["port"], protocol["prefix"]) == ("root", 1094, "//eic/")


def test_without_xrootd_a_door_is_a_directory():
    protocol = protocol_of("NEW-SE", made("/x", is_file=True))
    assert (protocol["scheme"], protocol["prefix"]) == ("file", "/x/door-open/data/NEW-SE/")


@pytest.mark.parametrize("part", ["rucio", "door", "gateway"])
def test_the_version_of_a_part_is_a_number_or_unknown(part):
    version = programs.version_of(part)
    assert version is None or version[0].isdecimal()
