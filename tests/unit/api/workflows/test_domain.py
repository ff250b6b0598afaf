"""Phases of an execution in time, and where its parameters came from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.workflows.domain import Parameter, Phase, Scale, parameters_of, spans

BEGAN = datetime(2026, 6, 1, 9, tzinfo=UTC)


def at(seconds):
    return BEGAN + timedelta(seconds=seconds)


def shown(changes, ended=None):
    found = spans([(kind, at(seconds)) for kind, seconds in changes], began=BEGAN, ended=ended)
    return [
        (span.phase, (span.begin - BEGAN).seconds, span.end and (span.end - BEGAN).seconds)
        for span in found
    ]


WHOLE = [
    ("run_imminent", 5), ("start_run", 12), ("pause_run", 22), ("resume_run", 24), ("end_run", 34),
]  # fmt: skip


def test_phases_follow_each_other_to_the_end():
    assert shown(WHOLE, at(40)) == [
        (Phase.BEFORE, 0, 5), (Phase.IMMINENT, 5, 12), (Phase.RUN, 12, 22),
        (Phase.STANDBY, 22, 24), (Phase.RUN, 24, 34), (Phase.ENDED, 34, 40),
    ]  # fmt: skip


def test_what_goes_on_has_no_end():
    assert shown(WHOLE[:2])[-1] == (Phase.RUN, 12, None)
    assert shown([]) == [(Phase.BEFORE, 0, None)]


def test_a_message_that_comes_twice_begins_no_other_phase():
    assert shown([WHOLE[0], WHOLE[0], WHOLE[1]]) == shown(WHOLE[:2])


def test_what_took_no_time_is_no_phase():
    changes = [("run_imminent", 0), ("start_run", 0), ("end_run", 0)]
    assert shown(changes, at(1)) == [(Phase.ENDED, 0, 1)]


def test_a_time_beyond_the_scale_stands_at_its_edge():
    scale = Scale(BEGAN, at(10))
    assert [scale.percent(at(each)) for each in (-5, 0, 2.5, 10, 20)] == [0, 0, 25, 100, 100]
    assert Scale(BEGAN, BEGAN).percent(BEGAN) == 0


def test_each_parameter_says_where_it_came_from():
    values = {
        "daq": {"stf_count": 3, "interval": 1.0},
        "sources": {"daq": {"stf_count": "request"}},
    }
    assert parameters_of(values) == [
        Parameter(section="daq", key="stf_count", value=3, source="request"),
        Parameter(section="daq", key="interval", value=1.0, source=""),
    ]


def test_parameters_of_another_shape_are_shown_as_they_are():
    assert parameters_of({"stf_count": 3, "daq": {"a": [1]}}) == [
        Parameter(section="", key="stf_count", value=3, source=""),
        Parameter(section="daq", key="a", value=[1], source=""),
    ]
    assert parameters_of(None) == parameters_of([1]) == []
