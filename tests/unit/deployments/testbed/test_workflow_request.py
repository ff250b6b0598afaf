"""What is asked of `run_workflow`: which value counts, and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.testbed import configuration
from deployments.testbed.errors import BadTestbed
from deployments.testbed.workflow_request import Options, form_of
from flows.workflows.schemas import RunWorkflow


def asked(directory: Path, text: str, options: Options | None = None) -> RunWorkflow:
    path = directory / "testbed.toml"
    path.write_text('[testbed]\nnamespace = "torre1"\n' + text)
    form = form_of(configuration.load(path), options or Options.none())
    return RunWorkflow.model_validate(form)


def value(form: RunWorkflow, section: str, key: str) -> tuple[Any, str]:
    found = form.configured().sections[section][key]
    return found.value, found.source


def test_sections_then_parameters_then_options_count(tmp_path):
    text = "[fast_processing]\nstf_count = 2\n[parameters]\nstf_count = 3\n"
    form = asked(tmp_path, text)
    assert value(form, "fast_processing", "stf_count") == (3, "testbed.toml [parameters]")
    form = asked(tmp_path, text, Options(parameters={"stf_count": 4}))
    assert value(form, "fast_processing", "stf_count") == (4, "--stf-count")
    assert form.configured().daq().stf_count == 4


def test_what_is_said_of_a_section_counts_in_it(tmp_path):
    form = asked(tmp_path, "[fast_processing]\nnum_tf_per_slice = 7\n")
    source = "testbed.toml [fast_processing]"
    assert value(form, "fast_processing", "num_tf_per_slice") == (7, source)


def test_a_duration_that_is_given_is_not_hidden_by_a_configured_count(tmp_path):
    text = "[parameters]\nstf_count = 3\n"
    form = asked(tmp_path, text, Options(parameters={"physics_period_duration": 9.0}))
    assert (form.configured().daq().stf_count, form.configured().daq().stf_interval) == (0, 2.0)
    both = {"physics_period_duration": 9.0, "stf_count": 2}
    assert asked(tmp_path, text, Options(parameters=both)).configured().daq().stf_count == 2


def test_workflow_values_are_the_options_or_the_files(tmp_path):
    text = '[workflow]\nconfig = "stf_processing"\nduration = 7\nrealtime = false\nseed = 5\n'
    form = asked(tmp_path, text)
    assert (form.config, form.duration_seconds, form.realtime, form.seed) == (
        "stf_processing_default", 7, False, 5,
    )  # fmt: skip
    given = Options(
        config="fast_processing_default", duration_seconds=0, realtime=True, parameters={}
    )
    form = asked(tmp_path, text, given)
    assert (form.config, form.duration_seconds, form.realtime) == (
        "fast_processing_default", 0, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[parameters]\nstf_cuont = 3\n", "nothing reads 'stf_cuont'; the nearest is 'stf_count'"),
        ("[fast_processing]\nslices = 3\n", "nothing reads fast_processing.slices"),
        ('[parameters]\nstf_count = "3"\n', "stf_count: Input should be a valid integer"),
        ("[parameters]\nstf_count = [3]\n", "overrides"),
        ('[workflow]\nname = "fast_processing"\n', "workflow: Input should be 'stf_datataking'"),
        ('[workflow]\nconfig = "no_such"\n', "there is no workflow configuration 'no_such'"),
    ],
)
def test_what_nobody_reads_is_refused_by_name(tmp_path, text, said):
    with pytest.raises(BadTestbed) as refused:
        asked(tmp_path, text)
    assert said in str(refused.value)
    assert "testbed.toml" in str(refused.value)


def test_an_option_that_nobody_reads_is_refused_by_its_name(tmp_path):
    with pytest.raises(BadTestbed, match="--stf-size: nothing reads 'stf_size'"):
        asked(tmp_path, "", Options(parameters={"stf_size": 1}))
