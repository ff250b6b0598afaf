"""The configurations that come with prodops, by their names."""

from __future__ import annotations

import pytest

from flows.workflows import configurations


@pytest.mark.parametrize(
    "name", ["fast_processing", "fast_processing_default", "fast_processing_default.toml"]
)
def test_a_configuration_is_found_by_each_of_its_names(name):
    assert configurations.load(name).name == "fast_processing_default"


@pytest.mark.parametrize("name", ["", "nope", "../daq_state_machine", "/etc/passwd"])
def test_an_unknown_configuration_is_refused_with_those_that_there_are(name):
    with pytest.raises(configurations.UnknownConfiguration, match="there are: daq_state_machine,"):
        configurations.load(name)
