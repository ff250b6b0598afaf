"""The benches' reports: figures, targets and verdicts, as JSON and as text."""

import json

import pytest

from deployments.bench.common.figures import (
    NoMeasurements,
    Report,
    at_least,
    at_most,
    columns,
    median,
    percentile,
)


def test_the_median_is_the_middle_or_the_mean_of_the_two():
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5


def test_a_percentile_is_a_measured_value():
    values = [float(number) for number in range(1, 101)]

    assert percentile(values, 50) == 50.0
    assert percentile(values, 99) == 99.0
    assert percentile(values, 100) == 100.0
    assert percentile([7.0], 99) == 7.0


@pytest.mark.parametrize("statistic", [median, lambda values: percentile(values, 95)])
def test_nothing_measured_is_an_error_and_no_figure(statistic):
    with pytest.raises(NoMeasurements):
        statistic([])


def test_a_target_is_met_at_its_limit():
    assert at_most(0.3).is_met(0.3)
    assert not at_most(0.3).is_met(0.31)
    assert at_least(200).is_met(200.0)
    assert not at_least(200).is_met(199.9)


def _report() -> Report:
    report = Report("latency", {"cores": 2})
    report.add("trigger_to_start_median_s", 0.21239, at_most(0.3), remark="n=24")
    report.add("times_faster_than_stock", 7.5, at_least(8))
    report.add("clients", 1000)
    report.note("measured side by side")
    return report


def test_the_json_is_one_line_with_bench_figures_and_machine():
    text = _report().as_json()

    assert "\n" not in text
    assert json.loads(text) == {
        "bench": "latency",
        "figures": {
            "trigger_to_start_median_s": 0.2124,
            "times_faster_than_stock": 7.5,
            "clients": 1000,
        },
        "machine": {"cores": 2},
    }


def test_the_text_says_in_words_whether_a_target_is_met():
    lines = _report().as_text().splitlines()

    assert lines[0] == "bench latency"
    assert " ".join(lines[2].split()) == "trigger_to_start_median_s 0.2124 at most 0.3 met n=24"
    assert lines[3].endswith("at least 8   MISSED")
    assert lines[4].split() == ["clients", "1000"]
    assert lines[-2:] == ["measured side by side", "machine: cores 2"]


def test_columns_are_aligned():
    assert columns(("a", "b"), [("long", "1")]) == "a     b\nlong  1"


def test_a_figure_that_could_not_be_measured_is_null_and_breaks_nothing():
    report = Report("x", machine={})
    report.add("times", None, at_least(2), remark="not measured")
    assert report.is_met
    assert json.loads(report.as_json())["figures"] == {"times": None}
    assert "not measured" in report.as_text()
