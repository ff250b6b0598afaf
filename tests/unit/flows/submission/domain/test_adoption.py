"""In what a task at PanDA differs from what an attempt sent."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.panda_server import PandaTask
from flows.submission.domain.adoption import circumstances, differences

OURS = ("--exec", "./run.sh a", "--outDS", "group.EIC.x", "--official", "--nJobs", "5")
SENT = datetime(2026, 11, 29, 8, tzinfo=UTC)


def differs(command: object) -> list[str]:
    return differences(OURS, {"cliParams": command})


@pytest.mark.parametrize(
    "command",
    [
        "prun --exec './run.sh a' --outDS group.EIC.x --official --nJobs 5",
        'prun --exec "./run.sh a" --outDS=group.EIC.x/ --nJobs=5 --official',
    ],
)
def test_the_same_options_in_any_order_and_quoting_differ_in_nothing(command):
    assert differs(command) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("prun --exec './run.sh a' --official --nJobs 1", ["--nJobs 1, ours 5"]),
        ("prun --exec './run.sh a' --nJobs 5", ["--official is not given, ours is given"]),
        ("prun --exec './run.sh a' --official --nJobs 5 --site X", ["--site X, ours is not given"]),
    ],
)
def test_each_option_that_differs_is_named(command, said):
    assert differs(command) == said


def test_of_many_options_the_first_are_named_and_the_others_counted():
    found = differs("prun " + " ".join(f"--o{number} {number}" for number in range(20)))
    assert len(found) == 6
    assert found[-1].endswith("further options")


@pytest.mark.parametrize("parameters", [None, {}, {"cliParams": None}, {"cliParams": ""}])
def test_what_was_not_made_with_prun_is_said(parameters):
    assert "not submitted with prun" in differences(OURS, parameters)[0]


def test_an_unbalanced_quote_is_no_obstacle():
    assert "--nJobs 1, ours 5" in differs("prun --exec './run.sh --official --nJobs 1")


@pytest.mark.parametrize(
    ("user", "age", "was_there", "said"),
    [
        ("Prod Ops", timedelta(0), False, []),
        ("Prod Ops", timedelta(seconds=30), False, []),  # clocks differ
        (None, timedelta(0), False, []),
        ("Prod Ops", timedelta(hours=1), False, ["created before this attempt"]),
        ("Prod Ops", timedelta(0), True, ["created before this attempt"]),
        ("Some Body", timedelta(0), False, ["submitted by Some Body, not by Prod Ops"]),
    ],
)
def test_whose_it_is_and_when_it_was_made_is_said(user, age, was_there, said):
    seen = PandaTask(4, "n", "running", user, SENT - age, None, "")
    found = list(circumstances(seen, "Prod Ops", SENT, was_there=was_there))
    assert len(found) == len(said)
    assert all(text in each for text, each in zip(said, found, strict=True))
