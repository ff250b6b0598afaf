"""The command that PCS composes is the argument vector that it means, whatever the values."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.pcs.domain import prun, value_forms
from api.pcs.domain.effective import ConfigNotOfForm, EffectiveConfig, effective
from flows.submission.domain import command, prun_rules
from tests.pcs_client import COMPOSED, CONFIG

EXAMPLE = r"""prun \
  --exec ./my_script.sh \
  --outDS group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1 \
  --official \
  --containerImage docker://eicweb/jug_xl:26.02.0-stable \
  --site BNL_PanDA_1 \
  --workingGroup EIC.production \
  --prodSourceLabel test \
  --vo wlcg \
  --nJobs 1 \
  --noBuild \
  --expertOnly_skipScout \
  --outputs myout.txt"""


def of(form: value_forms.Form) -> st.SearchStrategy[str]:
    good = st.from_regex(form.pattern, fullmatch=True)
    return good.filter(lambda text: form.problem(text) is None)


COMMANDS = st.text(min_size=1).filter(lambda text: value_forms.COMMAND.problem(text) is None)
CONFIGS = st.builds(
    EffectiveConfig,
    st.fixed_dictionaries(
        {},
        optional={
            "container_image": of(value_forms.IMAGE),
            "panda_site": of(value_forms.NAME),
            "panda_working_group": of(value_forms.NAME),
            "panda_resource_type": of(value_forms.NAME),
        },
    ),
    st.fixed_dictionaries(
        {"exec_command": COMMANDS},
        optional={
            "official": st.booleans(),
            "vo": of(value_forms.NAME),
            "prod_source_label": of(value_forms.NAME),
            "processing_type": of(value_forms.NAME),
            "n_jobs": st.integers(1, 10**9 - 1),
            "events_per_job": st.integers(1, 10**12 - 1),
            "corecount": st.sampled_from([1, 2, 8]),
            "no_build": st.booleans(),
            "skip_scout": st.booleans(),
            "outputs": of(value_forms.OUTPUTS),
        },
    ),
)


def config(**data: object) -> EffectiveConfig:
    return effective({**CONFIG, "data": {**CONFIG["data"], **data}}, None)


def arguments(found: EffectiveConfig, name: str) -> list[str]:
    """The argument vector that is meant."""
    options = prun.options(found, name)
    return ["prun", *(word for option in options for word in option if word is not None)]


def test_the_command_is_that_of_the_contract():
    assert prun.compose(config(), COMPOSED) == EXAMPLE


def test_every_option_stands_in_the_order_of_the_contract():
    whole = effective(
        CONFIG,
        {
            "panda_resource_type": "MCORE",
            "data": {"processing_type": "x", "events_per_job": 5, "corecount": 8, "vo": "eic"},
        },
    )
    options = [option for option, _ in prun.options(whole, COMPOSED)]
    assert options == [
        "--exec", "--outDS", "--official", "--containerImage", "--site", "--workingGroup",
        "--resourceType", "--prodSourceLabel", "--vo", "--processingType", "--nJobs",
        "--nEventsPerJob", "--nCore", "--noBuild", "--expertOnly_skipScout", "--outputs",
    ]  # fmt: skip


@settings(max_examples=50)  # each composes a whole configuration
@given(found=CONFIGS, name=of(value_forms.OUT_DS))
def test_the_text_is_exactly_the_argument_vector(found, name):
    text = prun.compose(found, name)
    assert shlex.split(text.replace("\\\n", "")) == arguments(found, name)
    assert text.startswith("prun \\\n")


@given(found=CONFIGS, name=of(value_forms.OUT_DS))
def test_the_ops_side_reads_the_vector_that_was_meant(found, name):
    said = prun_rules.objections(
        name,
        outputs=found.data.get("outputs", ""),
        cores=str(found.data.get("corecount", "")),
        command=found.data["exec_command"],
    )
    if not found.text("panda_resource_type") and not any(said):
        told = command.parse(prun.compose(found, name))
        assert ["prun", *told.arguments] == arguments(found, name)


def test_a_shell_reads_the_vector_that_was_meant():
    hostile = config(exec_command="""echo "a b" 'c' $(id) `id` \\ ; rm -rf * | x > y & é""")
    text = prun.compose(hostile, COMPOSED).replace("prun", "printf '%s\\0'", 1)
    shown = subprocess.run(["/bin/sh", "-c", text], capture_output=True, check=True).stdout
    assert shown.decode().split("\0")[:-1] == arguments(hostile, COMPOSED)[1:]


BAD = [
    ("panda_site", "BNL; rm -rf /"),
    ("panda_site", "--site"),
    ("container_image", "docker://x$(id)"),
    ("container_image", "-v"),
    ("panda_working_group", "EIC production"),
    ("panda_resource_type", "M'CORE"),
    ("data.exec_command", "a\nb"),
    ("data.exec_command", "--x"),
    ("data.outputs", "a b"),
    ("data.vo", "eic\n"),
    ("data.n_jobs", "1"),
    ("data.n_jobs", True),
    ("data.corecount", 0),
    ("data.official", "yes"),
    ("data.files", ["../x"]),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_value_that_is_not_of_its_form_is_refused_by_its_name(field, value):
    section, _, key = field.rpartition(".")
    overrides = {"data": {key: value}} if section else {key: value}
    with pytest.raises(ConfigNotOfForm) as caught:
        prun.compose(effective(CONFIG, overrides), COMPOSED)
    assert list(caught.value.problems) == [field]


@pytest.mark.parametrize("name", ["a b", "a\n", "--x", "a/b", "a'", ""])
def test_a_name_that_is_not_of_its_form_is_refused(name):
    with pytest.raises(ConfigNotOfForm, match="outDS"):
        prun.compose(config(), name)
