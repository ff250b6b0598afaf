"""What of the broker's deliveries can be used, and why the rest cannot."""

from __future__ import annotations

import json

import pytest

from deployments.bridge.reading import Unusable, read
from flows.fastmon.schemas import StfReady
from tests.unit.deployments.bridge.deliveries import delivery

MOST = 10_000


def test_a_message_of_any_type_is_read() -> None:
    found = read(delivery({"msg_type": "new_word", "run_id": 7}), most_bytes=MOST)
    assert (found.message.msg_type, found.message.run_id, found.problem) == ("new_word", 7, "")


def test_an_stf_is_read_in_its_form() -> None:
    found = read(delivery({"msg_type": "data_ready", "filename": "a.stf"}), most_bytes=MOST)
    assert isinstance(found.message, StfReady)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no json", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[1, 2]", "must be a JSON object"),
        (b"{}", "msg_type: This field is required."),
        (b'{"msg_type": ""}', "msg_type"),
        (b'{"msg_type": "two words"}', "printable ASCII without blanks"),
        (b'{"msg_type": 7}', "msg_type"),
        (b'{"msg_type": "x", "text": "\\u0000"}', "text"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
    ids=["text", "bytes", "list", "empty", "blank", "words", "number", "nul", "bomb"],
)
def test_what_is_no_message_is_named_with_its_fault(body: bytes, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        read(delivery(body), most_bytes=10 * len(body))


def test_a_message_that_is_too_large_is_named_with_its_size() -> None:
    with pytest.raises(Unusable, match="it is 10,001 bytes long; at most 10,000 are taken"):
        read(delivery(b"x" * 10_001), most_bytes=MOST)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("namespace", "n" * 101),
        ("run_id", {"number": 1}),
        ("sender", 5),
        ("execution_id", ["a"]),
    ],
)
def test_a_field_that_is_not_of_its_form_counts_as_absent_and_is_named(
    name: str, value: object
) -> None:
    found = read(delivery({"msg_type": "start_run", name: value}), most_bytes=MOST)
    assert getattr(found.message, name) is None
    assert found.problem.startswith(name)
    assert found.body[name] == json.loads(json.dumps(value))


def test_an_stf_with_a_bad_size_is_a_message_still() -> None:
    body = {"msg_type": "stf_ready", "filename": "a.stf", "size_bytes": "big", "run_id": "1"}
    found = read(delivery(body), most_bytes=MOST)
    assert not isinstance(found.message, StfReady)
    assert found.problem.startswith("size_bytes")
