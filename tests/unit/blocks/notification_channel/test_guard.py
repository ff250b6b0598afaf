"""Addresses that no channel may lead to."""

import socket

import pytest

from blocks.notification_channel import guard
from blocks.notification_channel.guard import AddressRefused, is_refused


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "::", "::1", "169.254.169.254", "169.254.0.7",
        "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1",
        "0.0.0.5", "::127.0.0.1", "168.63.129.16", "192.0.0.192", "fd20:ce::254", "fd00:ec2::23",
        "fd00:42::42", "169.254.170.2",
    ],
)  # fmt: skip
def test_this_machine_and_metadata_are_refused(address):
    assert is_refused(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.4", "8.8.8.8", "2606:4700::1111"])
def test_other_machines_are_not_refused(address):
    assert not is_refused(address)


def test_the_address_counts_that_a_name_has_when_it_is_connected_to(monkeypatch):
    found = iter([("10.0.0.1", 80), ("127.0.0.1", 80)])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", next(found))]
    )
    with socket.socket() as sock:
        assert guard._checked(sock, ("rebound.example.org", 80), frozenset()) == ("10.0.0.1", 80)
        with pytest.raises(AddressRefused):
            guard._checked(sock, ("rebound.example.org", 80), frozenset())


def test_sockets_of_this_machine_are_refused_and_its_proxy_is_not(monkeypatch):
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(AddressRefused):
        guard._checked(sock, "/run/x", frozenset())
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    proxies = frozenset(guard._proxy_addresses())
    with socket.socket() as sock:
        assert guard._checked(sock, ("127.0.0.1", 3128), proxies) == ("127.0.0.1", 3128)
