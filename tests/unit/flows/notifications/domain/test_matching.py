"""Which rules a happening matches: by glob, and whatever their conditions where an alarm asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.notifications.domain.happenings import Happening
from flows.notifications.domain.matching import RuleFacts, Rules
from flows.notifications.domain.words import Outcome, What


def happening(subject: str, **more) -> Happening:
    return Happening(
        key="k", names=((What.EVENT, "e"),), outcome=Outcome.NOTED,
        at=datetime(2026, 6, 1, tzinfo=UTC), text="", subject=subject, **more,
    )  # fmt: skip


def rule(**more) -> RuleFacts:
    return RuleFacts(**{"id": 1, "author": "anna", "channel_id": 1, "what": What.EVENT, **more})


@pytest.mark.parametrize(
    ("pattern", "subject", "is_matched"),
    [
        ("x[1].y", "x[1].y", True),
        ("x[1].y", "x1.y", False),
        ("x[!a]*", "x[!a]b", True),
        ("epic.?.*", "epic.1.p", True),
        ("epic.?.*", "epic.12.p", False),
    ],
)
def test_in_a_subject_only_a_star_and_a_question_mark_are_special(pattern, subject, is_matched):
    assert rule(subject=pattern).matches(happening(subject)) is is_matched


def test_a_happening_is_also_for_the_rules_that_it_names():
    other = rule(id=2, what=What.ALARM, subject="t2")
    told = happening("t1", also_rules=frozenset({2, 9}))
    assert list(Rules([rule(id=3, name="x"), other]).matching(told)) == [other]
