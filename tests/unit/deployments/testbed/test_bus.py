"""Commands of the bus: what is one."""

import pytest

from deployments.testbed import bus


def test_a_command_is_an_object_that_names_one():
    assert bus.read(b'{"command": "ping", "reply_to": "/queue/x"}')["command"] == "ping"


@pytest.mark.parametrize(
    "body", [b"", b"ping", b"[]", b'{"command": 3}', b"{}", b"\xff", b"[" * 100_000, b" " * 70_000]
)
def test_anything_else_is_none(body):
    assert bus.read(body) is None


def test_the_queue_is_the_users():
    assert bus.control_queue("anna") == "/queue/agent_control.anna"
