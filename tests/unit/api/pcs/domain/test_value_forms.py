"""The forms of what reaches a command: nothing that a shell or prun would read otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pcs.domain import value_forms

BAD = ("a\nb", "a b", "a'b", 'a"b', "a--b", "--a", "-a", "", " ", "a;b", "$(a)", "`a`", "a|b",
       "a&b", "a\\b", "a\0b", "a>b", "a\tb", "a\n", "é", "a*", "a\u2028b", "x" * 5000)  # fmt: skip
ANCHORED = (value_forms.NAME, value_forms.IMAGE, value_forms.OUTPUTS, value_forms.URL,
            value_forms.FILE, value_forms.SEGMENT, value_forms.TASK_NAME,
            value_forms.OUT_DS)  # fmt: skip
NASTY = st.text().flatmap(
    lambda text: st.sampled_from(["\n", "'", '"', "--", " ", "\0", "$", ";"]).map(
        lambda sign: text + sign + text
    )
)


@pytest.mark.parametrize("form", ANCHORED, ids=lambda form: form.words)
@pytest.mark.parametrize("text", BAD, ids=repr)
def test_what_a_shell_or_prun_would_read_otherwise_is_of_no_form(form, text):
    assert form.problem(text)


@pytest.mark.parametrize("form", ANCHORED, ids=lambda form: form.words)
@given(text=NASTY)
def test_no_text_with_a_sign_of_the_shell_is_of_a_form(form, text):
    assert form.problem(text)


@given(text=st.text())
def test_a_command_is_one_line_and_no_option(text):
    if value_forms.COMMAND.problem(text) is None:
        assert text.isprintable()
        assert not text.startswith("-")


GOOD = [
    (value_forms.IMAGE, "docker://eicweb/jug_xl:26.02.0-stable"),
    (value_forms.IMAGE, "/cvmfs/singularity.opensciencegrid.org/eicweb/eic_xl:26.05.0-stable"),
    (value_forms.IMAGE, "ghcr.io/eic/eic_xl@sha256:0123abcd"),
    (value_forms.NAME, "BNL_PanDA_1"),
    (value_forms.NAME, "EIC.production"),
    (value_forms.OUTPUTS, "myout.txt"),
    (value_forms.OUTPUTS, "a.root,b.root"),
    (value_forms.TASK_NAME, "EVGEN/SINGLE/pi+/10GeV/3to50deg"),
    (value_forms.TASK_NAME, "EVGEN/DIS/NC/10x100/minQ2=10"),
    (value_forms.URL, "https://pandaserver-doma.cern.ch/trf/user/runGen-00-00-02"),
]


@pytest.mark.parametrize(("form", "text"), GOOD)
def test_what_is_in_use_is_of_its_form(form, text):
    assert form.problem(text) is None


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 0, 10**9])
def test_a_count_is_a_whole_number_within_bounds(value):
    assert value_forms.COUNT.problem(value)
