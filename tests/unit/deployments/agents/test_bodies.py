"""What agents read of messages, in the peers' several forms."""

from __future__ import annotations

import pytest

from blocks.errors import Invalid
from deployments.agents.bodies import RunMessage, StfMessage, TfMessage, read

DAQSIM = {
    "msg_type": "stf_gen", "req_id": 1, "run_id": 100012, "filename": "swf.100012.000000.stf",
    "size": 17, "checksum": "ad:00000001", "start": "20260102030405000000",
}  # fmt: skip


def test_the_older_simulator_s_forms_are_read():
    stf = read(StfMessage, DAQSIM)
    assert (stf.run_number, stf.size_bytes, stf.checksum) == (100012, 17, "ad:00000001")
    assert read(StfMessage, {**DAQSIM, "total_tfs": 12}).tf_count == 12
    assert read(StfMessage, {**DAQSIM, "size": None}).size_bytes is None


def test_a_tf_message_of_the_original_has_a_run_number_alone():
    tf = read(TfMessage, {"tf_filename": "a_tf_001.tf", "run_number": "100012"})
    assert (tf.run_number, tf.tf_first, tf.tf_count) == (100012, None, None)


@pytest.mark.parametrize("run_id", ["x", "test-run-001", "", -1, "1e5"])
def test_a_run_that_is_no_number_is_refused_where_it_is_needed(run_id):
    message = read(RunMessage, {"run_id": run_id})
    with pytest.raises(Invalid, match="is no run number"):
        _ = message.run_number


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"run_id": None}, "run_id"),
        ({"filename": ""}, "filename"),
        ({"filename": None}, "filename"),
        ({"size": -1}, "size"),
        ({"sequence": "one"}, "sequence"),
    ],
)
def test_a_message_that_says_too_little_is_refused_by_its_field(change, field):
    with pytest.raises(Invalid) as refused:
        read(StfMessage, {**DAQSIM, **change})
    assert any(name.startswith(field) for name in refused.value.fields)
