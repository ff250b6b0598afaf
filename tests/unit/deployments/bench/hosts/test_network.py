"""The names and addresses of hosts, without any being made."""

from __future__ import annotations

import os

import pytest

from deployments.bench.hosts import network
from deployments.bench.hosts.network import Host, NoHosts

HOST = Host(2, "10.213.7")


def test_a_cable_has_a_name_that_the_kernel_takes():
    assert len(Host(2, "10.213.7").cable) <= 15


def test_both_ends_of_a_cable_are_in_one_network():
    assert (HOST.gateway, HOST.address, HOST.network) == (
        "10.213.7.1", "10.213.7.2", "10.213.7.0/24",
    )  # fmt: skip


def test_a_command_runs_in_the_host_s_namespace_under_its_name():
    argv = HOST.command(["prodops", "worker"])
    assert argv[:4] == ["ip", "netns", "exec", HOST.namespace]
    assert argv[-3:] == ["host2", "prodops", "worker"]
    assert HOST.command(["x"], host_name="other")[-2:] == ["other", "x"]


def test_whoever_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NoHosts, match="need root"):
        network.require_programs()


def test_all_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch):
    there = {"ip", "unshare", "setpriv"}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(network.shutil, "which", lambda name, path: name if name in there else None)
    with pytest.raises(NoHosts) as refusal:
        network.require_programs({"redis-server": "redis-server"})
    said = "not installed: nft (Debian: nftables), redis-server (Debian: redis-server)"
    assert str(refusal.value) == said
