"""The figures of the soak: what is counted, and when latencies are judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from deployments.bench.agents.agent import Agent, Place
from deployments.bench.common.figures import Report
from deployments.bench.common.stack import BenchStack
from deployments.bench.outage import checks as outage
from deployments.bench.outage.checks import Breach, BreachKind
from deployments.bench.outage.evidence import Evidence
from deployments.bench.soak.clients import Agents, Asker
from deployments.bench.soak.cpu import BENCH, Used
from deployments.bench.soak.found import Fault, Loaded, of_callers
from deployments.bench.soak.kinds import Kind
from deployments.bench.soak.memory import Growth
from deployments.bench.soak.quiet import Quiet
from deployments.bench.soak.report import fill

NO_STACK = cast("BenchStack", None)
PARTS = {"api": 12.0, BENCH: 6.0}


USED = Used(60.0, PARTS, sum(PARTS.values()) + 90.0)


def filled(
    *breaches: Breach,
    seconds: float = 1.0,
    lags: Sequence[float] = (0.1,),
    answer: float = 0.05,
    others: float = 0.5,
    machine_load: float = 1.0,
    grown: float = 100.0,
    stale: Sequence[str] = (),
    late_canaries: int = 0,
) -> Report:
    quiet = Quiet({Kind.SUBMIT: [1.0]}, [0.1], [0.05], USED, 0.2)
    loaded = Loaded(
        triggers=60,
        stfs=600,
        seconds={Kind.SUBMIT: [seconds]},
        lags=lags,
        used=USED,
        others_load=others,
        machine_load=machine_load,
        growths=[Growth("rucio", 100.0, 300.0), Growth("relay", 100.0, grown)],
        late_canaries=late_canaries,
        drained_seconds=2.0,
        events=5000,
        agents=Agents(NO_STACK, [], set(stale)),
        asker=Asker(NO_STACK, answers=[answer]),
        breaches=breaches,
    )
    report = Report("soak", machine={})
    fill(report, quiet, loaded, clients=200, minutes=1.0)
    return report


def figures(report: Report) -> dict[str, Any]:
    return {figure.name: figure.value for figure in report.figures}


def test_a_good_run_has_zeros_and_meets_all():
    report = filled()
    found = figures(report)
    names = ("lost", "doubled", "errors", "lost_runs", "stale_agents")
    assert {found[name] for name in names} == {0}
    assert found["worst_memory_growth"] == 1.0
    assert found["worst_ratio_p50"] == found["worst_ratio_p95"] == pytest.approx(1.0)
    assert found["own_cores"] == pytest.approx(0.2)
    assert found["others_cores"] == pytest.approx(1.5)
    assert report.is_met


@pytest.mark.parametrize(
    ("kind", "figure"),
    [
        (BreachKind.LOST, "lost"),
        (BreachKind.DOUBLED, "doubled"),
        (BreachKind.FALSE_END, "errors"),
        (BreachKind.REFUSED, "errors"),
        (BreachKind.TAKEN, "lost_runs"),
    ],
)
def test_each_breach_is_counted_and_shown(kind: BreachKind, figure: str):
    report = filled(Breach(kind, "so it is"))
    assert figures(report)[figure] == 1
    assert not report.is_met
    assert any("so it is" in note for note in report.notes)


@pytest.mark.parametrize(
    "worse",
    [
        {"seconds": 2.1},
        {"lags": [0.21]},
        {"answer": 0.11},
        {"grown": 110.1},
        {"stale": ["soak-agent-1"]},
        {"late_canaries": 1},
    ],
)
def test_what_is_slow_grows_or_is_stale_misses_its_target(worse: dict[str, Any]):
    assert not filled(**worse).is_met


def test_the_part_that_grew_most_is_named():
    (growth,) = [each for each in filled().figures if each.name == "worst_memory_growth"]
    assert growth.remark == "relay"


def test_latencies_are_not_judged_where_others_use_the_machine_and_it_says_so():
    report = filled(seconds=50.0, late_canaries=1, others=1.6)
    assert report.is_met
    assert figures(report)["worst_ratio_p50"] == pytest.approx(50.0)
    assert "not judged: the load of others was 1.6" in report.as_text()


def test_of_a_busy_machine_the_medians_alone_are_judged_and_it_says_so():
    lags = [0.1] * 9 + [5.0]
    assert not filled(lags=lags).is_met
    report = filled(lags=lags, machine_load=1.5)
    assert report.is_met
    assert figures(report)["worst_ratio_p95"] > 2
    assert "not judged: the machine's load was 1.5" in report.as_text()
    assert not filled(lags=[0.21] * 10, machine_load=1.5).is_met


def test_a_client_that_misses_an_event_and_a_request_that_is_gone_are_counted():
    clients = {"lost": 1, "doubled": 0, "disordered": 0}
    evidence = Evidence(kind=Fault.NONE, began_at=0, ended_at=0, clients=clients)
    assert [each.kind for each in outage.breaches(evidence)] == [BreachKind.LOST]


def test_what_callers_were_refused_is_an_error():
    agent = Agent(Place("", "", ""), "soak-agent-0", is_fresh=False, failures=["logs: 500 "])
    asker = Asker(NO_STACK, failures=["list_runs: no"])
    found = [*of_callers(Agents(NO_STACK, [agent]), asker, missing_tfs=2)]
    assert [each.kind for each in found] == [
        BreachKind.REFUSED,
        BreachKind.REFUSED,
        BreachKind.LOST,
    ]
