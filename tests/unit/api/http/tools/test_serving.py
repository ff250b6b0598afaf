"""What a tool says where the database did not do it this time."""

from __future__ import annotations

import pytest

from api.http.tools import serving
from api.http.tools.declaration import all_tools
from flows.common.database_errors import DatabaseState, DatabaseUnavailable, StatementTooSlow

TOOLS = {each.name: each for each in all_tools()}
AWAY = DatabaseUnavailable("away")
CONFLICT = DatabaseUnavailable("conflict", DatabaseState.CONFLICT)
SLOW = StatementTooSlow("slow")


@pytest.mark.parametrize(
    ("tool", "error", "words"),
    [
        ("list_runs", AWAY, "Nothing was done; call it again in 2 s."),
        ("send_message", AWAY, "It may have been done all the same: look before you call it"),
        ("send_message", CONFLICT, "Nothing was done; call it again in 2 s."),
        ("pcs_prodtask_set_status", AWAY, "what is done is not done twice."),
        ("list_runs", SLOW, "by start_time, end_time or with limit and offset."),
        ("list_namespaces", SLOW, "Ask for less, with limit and offset."),
        ("get_run", SLOW, "The pages show all of it."),
        ("send_message", SLOW, "Nothing was done; call it again in 2 s."),
    ],
)
def test_only_what_cannot_have_been_done_is_called_for_again(tool, error, words):
    assert words in serving._next(TOOLS[tool], error)
