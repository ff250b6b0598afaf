"""The sampler's messages are of the forms that are declared, though not made through them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.common.claims import Claim
from flows.fastmon import messages
from flows.fastmon.domain import TfFile
from flows.fastmon.models import InboxStf
from tests.declared_events import problem_of

NAME = "swf.100123.000001.stf"
TF = TfFile(name=f"{NAME}_tf_001.tf", tf_first=0, tf_last=139, size_bytes=10**6)


@pytest.mark.parametrize(
    ("namespace", "execution_id"), [("testbed", "stf_datataking-olga-0007"), ("", None)]
)
def test_a_registered_tf_file_is_announced_in_its_form(namespace, execution_id):
    stf = InboxStf(
        namespace=namespace, run_number=100123, execution_id=execution_id, stf_filename=NAME
    )
    made = messages.tf_file_registered(TF, stf, claim=Claim(5, 1, None), at=datetime.now(UTC))
    assert problem_of(made) is None


@pytest.mark.parametrize("status", ["started", "completed", "failed"])
def test_a_status_is_announced_in_its_form(status):
    assert problem_of(messages.fastmon_status("testbed", status, "so it is", request_id=5)) is None
