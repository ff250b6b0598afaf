"""Ports that are taken are named with their setting and their owner."""

import os
import socket
from collections.abc import Iterator

import psutil
import pytest

from deployments.stack.errors import PortInUse
from deployments.stack.ports import Port, check_free, free_ports, ports_of
from deployments.stack.temporary import temporary_settings
from flows.common.settings import BadSetting


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_told_with_its_setting_and_owner(taken: int):
    port = Port("api", "127.0.0.1", taken, "PRODOPS_API_PORT")

    with pytest.raises(PortInUse) as caught:
        check_free([port])

    name = psutil.Process().name()
    assert str(caught.value) == (
        f"port {taken} is in use by {name} (pid {os.getpid()}); "
        "set PRODOPS_API_PORT to another port"
    )


def test_a_port_in_use_is_a_bad_setting():
    assert issubclass(PortInUse, BadSetting)


def test_free_ports_can_be_taken():
    check_free(Port("", "127.0.0.1", number, "") for number in free_ports(3))


def test_two_parts_cannot_share_a_port():
    given = {"PRODOPS_API_PORT": "4200"}

    with pytest.raises(BadSetting, match=r"PRODOPS_API_PORT=4200: is PRODOPS_PREFECT_PORT's too"):
        check_free(ports_of(temporary_settings(given), ["api", "prefect"]))


def test_an_address_of_another_machine_is_a_bad_setting():
    with pytest.raises(BadSetting, match=r"cannot listen on 192\.0\.2\.1"):
        check_free([Port("api", "192.0.2.1", 8002, "PRODOPS_API_PORT")])


def test_only_the_ports_of_the_wanted_parts_are_looked_at():
    assert [port.part for port in ports_of(temporary_settings({}), ["api", "worker"])] == ["api"]
