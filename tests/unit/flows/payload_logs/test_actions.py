"""Payload logs: what may be asked."""

from __future__ import annotations

import pytest

from blocks.errors import Invalid
from flows.payload_logs.actions import FETCH_PAYLOAD_LOG, FetchPayloadLog


def test_peers_may_send_ids_as_text_and_nothing_as_empty_text():
    form = FETCH_PAYLOAD_LOG.parse(
        {"pandaid": "17", "jeditaskid": "", "scope": "", "lfn": "x.log.tgz", "force": "true"}
    )
    assert form == FetchPayloadLog(pandaid=17, lfn="x.log.tgz", force=True)


@pytest.mark.parametrize(
    "bad",
    [{"pandaid": "seventeen"}, {"pandaid": 0}, {"pandaid": 2**63}, {"jeditaskid": -1},
     {"scope": "a b"}, {"scope": "x" * 26}, {"lfn": "../x"}, {"lfn": "/a/../b"}, {"lfn": "x" * 251},
     {"lfn": "a%b"}, {"other": 1}],
)  # fmt: skip
def test_what_is_no_job_or_no_name_is_refused_with_its_field(bad):
    with pytest.raises(Invalid) as refused:
        FETCH_PAYLOAD_LOG.parse({"pandaid": 17, **bad})
    assert list(refused.value.fields) == list(bad)
