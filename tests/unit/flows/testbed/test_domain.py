"""How a command to a testbed stands at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.testbed.domain import ANSWER, TAKE, CommandState, Standing, standing

ASKED = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(moment: datetime, state: CommandState) -> Standing:
    taken_at = None if state is CommandState.WAITING else ASKED
    return standing(
        Standing(state), user="anna", requested_at=ASKED, taken_at=taken_at, taken_by="daq:7",
        at=moment,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "limit", "why"),
    [
        (CommandState.WAITING, TAKE, "no controller of anna runs: start one by"),
        (CommandState.TAKEN, ANSWER, "the controller (daq:7) did not answer"),
    ],
)
def test_a_command_fails_when_its_time_is_over(state, limit, why):
    assert at(ASKED + limit - SECOND, state) == Standing(state)
    failed = at(ASKED + limit + SECOND, state)
    assert (failed.state, failed.ended_at) == (CommandState.FAILED, ASKED + limit)
    assert why in failed.error


def test_what_has_ended_stays_as_it_is():
    done = at(ASKED + timedelta(days=9), CommandState.DONE)
    assert done == Standing(CommandState.DONE)
