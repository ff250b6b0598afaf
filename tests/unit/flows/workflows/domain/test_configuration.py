"""Configurations: what is included, what overrides what, and where each value came from."""

from __future__ import annotations

import pytest

from flows.workflows import configurations
from flows.workflows.domain import configuration
from flows.workflows.domain.configuration import BadConfiguration, Configuration, Override
from flows.workflows.domain.parameters import READABLE


def parsed(name: str, **sections: dict) -> Configuration:
    return configuration.parse(sections, name)


def override(section: str, key: str, value: object, source: str = "me") -> Override:
    return Override(section=section, key=key, value=value, source=source)  # type: ignore[arg-type]


FAST = configurations.load("fast_processing_default")


def test_an_include_fills_gaps_and_overwrites_nothing():
    own = parsed("own", daq_state_machine={"stf_count": 1})
    first = parsed("first", daq_state_machine={"stf_count": 2, "stf_interval": 2.0})
    second = parsed("second", daq_state_machine={"stf_interval": 3.0, "standby_duration": 3.0})
    merged = configuration.including(own, [first, second])
    values = merged.parameters()["daq_state_machine"]
    assert values == {"stf_count": 1, "stf_interval": 2.0, "standby_duration": 3.0}
    assert merged.sources()["daq_state_machine"] == {
        "stf_count": "own.toml", "stf_interval": "first.toml", "standby_duration": "second.toml"
    }  # fmt: skip


def test_a_workflow_s_section_overrides_the_state_machine_s():
    assert FAST.daq().stf_count == FAST.parameters()["fast_processing"]["stf_count"] == 10
    assert FAST.parameters()["daq_state_machine"]["stf_count"] == 0


@pytest.mark.parametrize("section", ["daq_state_machine", "fast_processing", "stf_processing"])
def test_an_override_acts_whatever_section_it_names(section):
    changed = configuration.overridden(FAST, [override(section, "stf_count", 3)])
    assert changed.daq().stf_count == 3
    assert changed.parameters()["fast_processing"]["stf_count"] == 3
    assert changed.sources()["fast_processing"]["stf_count"] == "me"
    assert FAST.daq().stf_count == 10


def test_the_last_override_of_a_key_wins():
    overrides = [
        override("fast_processing", "stf_count", 3),
        override("daq_state_machine", "stf_count", 4),
    ]
    assert configuration.overridden(FAST, overrides).daq().stf_count == 4
    assert configuration.overridden(FAST, overrides[::-1]).daq().stf_count == 3


@pytest.mark.parametrize(
    ("section", "key", "said"),
    [
        ("fast_processing", "stf_cout", "nothing reads fast_processing.stf_cout; .*'stf_count'"),
        ("daq_state_machine", "num_tf_per_slice", "nothing reads daq_state_machine.num_tf"),
        ("fast_procesing", "stf_count", "no section 'fast_procesing'; .* 'fast_processing'"),
        ("", "stf_count", "there is no section ''"),
    ],
)
def test_an_override_that_nothing_reads_is_refused_with_the_nearest_name(section, key, said):
    with pytest.raises(BadConfiguration, match=said):
        configuration.overridden(FAST, [override(section, key, 1)])


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("daq_state_machine", "stf_count", "3"),
        ("daq_state_machine", "stf_interval", -1.0),
        ("daq_state_machine", "stf_interval", float("nan")),
        ("fast_processing", "num_tf_per_slice", 2.5),
        ("fast_processing", "slices_per_sample", 0),
    ],
)
def test_a_value_that_is_not_of_its_form_is_refused_by_name(section, key, value):
    with pytest.raises(BadConfiguration, match=f"{section}.{key}: "):
        configuration.overridden(FAST, [override(section, key, value)])


@pytest.mark.parametrize("name", configurations.names())
def test_every_configuration_is_whole(name):
    loaded = configurations.load(name)
    assert loaded.description
    assert loaded.workflow == "stf_datataking"
    assert loaded.daq().timing.stf_interval > 0
    configuration.fast_processing_of(loaded.parameters())


def test_every_key_that_is_read_can_be_overridden():
    for section, keys in READABLE.items():
        for key in keys:
            value = FAST.parameters().get(section, {}).get(key, 1)
            value = FAST.parameters()["daq_state_machine"].get(key, value)
            changed = configuration.overridden(FAST, [override(section, key, value)])
            assert changed.sources()[section][key] == "me"
