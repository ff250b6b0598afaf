"""Checks are made at once, bounded in time; one that breaks or hangs is a finding."""

import threading
import time

from deployments.doctor.examination import examine
from deployments.doctor.findings import Check, Condition, ok, problem
from deployments.doctor.site import Side
from tests.unit.deployments.doctor.sites import site


def check(name: str, look=lambda _: [ok("well")], **more) -> Check:
    return Check(name=name, summary=name, look=look, **more)


def found(*checks: Check, **where) -> dict[str, list[tuple[Condition, str]]]:
    made = examine(checks, site(**where))
    return {each.check.name: [(one.condition, one.text) for one in each.findings] for each in made}


def test_a_check_that_breaks_is_a_finding_and_the_others_are_made():
    def broken(_):
        yield ok("so far")
        raise KeyError("odd\nthing")

    assert found(check("a", broken), check("b")) == {
        "a": [
            (Condition.OK, "so far"),
            (Condition.PROBLEM, "the check broke: KeyError: 'odd\\nthing'"),
        ],
        "b": [(Condition.OK, "well")],
    }


def test_checks_that_hang_cost_their_bound_once_and_keep_what_they_found():
    released = threading.Event()

    def hung(_):
        yield ok("so far")
        released.wait(60)

    began = time.monotonic()
    told = found(check("a", hung), check("b", hung), check("c"), timeout_seconds=0.3)
    released.set()
    assert time.monotonic() - began < 5
    late = [(Condition.OK, "so far"), (Condition.PROBLEM, "no answer within 0.3 s")]
    assert told == {"a": late, "b": late, "c": [(Condition.OK, "well")]}


def test_what_needs_a_check_that_found_a_problem_names_it_however_far_it_is():
    away = check("database", lambda _: [problem("away", "start it")])
    told = found(check("parts", needs=("schema",)), check("schema", needs=("database",)), away)
    assert told["parts"] == told["schema"] == [(Condition.SKIPPED, "mend first: database")]


def test_a_need_that_was_not_asked_for_is_in_nobody_s_way():
    assert found(check("a", needs=("other",))) == {"a": [(Condition.OK, "well")]}


def test_on_the_web_side_a_check_of_the_ops_side_says_whose_it_is():
    [(condition, text)] = found(check("a", is_for_ops=True), side=Side.WEB)["a"]
    assert (condition, "ops side" in text) == (Condition.SKIPPED, True)
