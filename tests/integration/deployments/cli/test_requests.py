"""`prodops run` and `prodops request`: asked for and cancelled in the OS user's name."""

from __future__ import annotations

import pytest

from deployments.os_user import user_name
from flows.common.database import transaction
from flows.common.models import Cancellation

pytestmark = pytest.mark.integration


def test_what_a_command_asks_for_is_asked_for_by_the_os_user_who_may_everything(prodops):
    made = [
        prodops(f"run {words} --json")["request_id"]
        for words in ("check_pipeline", "prune_history", "submit_task -p task_name=another_s")
    ]
    for number in made:
        row = prodops(f"request show {number} --json")
        assert (row["requested_by"], row["source"]) == (user_name(), "cli")


@pytest.mark.parametrize("key", ["created_by", "requested_by", "owner"])
def test_a_command_does_not_speak_for_another(prodops, key):
    prodops(f"run fetch_payload_log -p pandaid=7 -p {key}=eve", fails=key)
    assert prodops("request list --json") == []


def test_who_cancelled_is_the_os_user(prodops, database):
    number = prodops("run check_pipeline --json")["request_id"]
    assert "will be cancelled" in prodops(f"request cancel {number} --reason 'not now'")
    with transaction(database.ops_engine) as session:
        kept = session.query(Cancellation).one()
        assert (kept.request_id, kept.requested_by) == (number, user_name())
