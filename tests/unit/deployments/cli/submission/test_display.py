"""How submissions are shown: with times in UTC that say so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deployments.cli.submission import display
from deployments.cli.submission.outcome import Outcome, Submission

NAME = "group.EIC.x"


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.UNRECORDED])
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-01-02T03:04:05+00:00", "at 03:04:05 UTC"),
        ("2026-01-01T22:04:05-05:00", "at 03:04:05 UTC"),
        ("2026-01-02T03:04:05", "at 03:04:05 UTC"),
        ("soon", "soon"),
    ],
)
def test_when_it_is_looked_into_again_is_said_in_utc(new_york, outcome, written, shown):
    submission = Submission(NAME, outcome, next_check_at=written)
    assert f"; looked into again {shown}; " in display.result_line(submission)


def test_each_line_of_a_log_has_the_time_in_utc(new_york, capsys):
    before = datetime.now(UTC)
    display.Lines(is_one=False).changed(Submission(NAME, Outcome.ACCEPTED))
    times = {f"[{at:%H:%M:%S} UTC]" for at in (before, datetime.now(UTC))}
    assert capsys.readouterr().err in {f"{time} {NAME}: accepted\n" for time in times}
