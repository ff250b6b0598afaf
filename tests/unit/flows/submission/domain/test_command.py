import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.submission.domain.command import CommandRefused, parse, sandbox_files

NAME = "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"
COMPOSED = f"""prun \\
  --exec './my script.sh %RNDM=0' \\
  --outDS {NAME} \\
  --official \\
  --containerImage docker://eicweb/jug_xl:26.02.0-stable \\
  --site BNL_PanDA_1 \\
  --prodSourceLabel test \\
  --vo wlcg \\
  --nJobs 1 \\
  --noBuild \\
  --expertOnly_skipScout \\
  --outputs myout.txt
"""


def test_a_composed_command_becomes_its_argument_vector():
    command = parse(COMPOSED)
    assert command.arguments[:4] == ("--exec", "./my script.sh %RNDM=0", "--outDS", NAME)
    assert command.name == NAME
    assert command.is_official


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "does not start with prun"),
        ("bash -c 'prun'", "does not start with prun"),
        ("/usr/bin/prun --exec x --outDS n", "does not start with prun"),
        ("prun --exec x", "--outDS is missing"),
        ("prun --outDS n", "--exec is missing"),
        ("prun --exec x --outDS n; rm -rf /", "not of its form"),
        ("prun --exec x --outDS n --resourceType SCORE", "does not know it"),
        ("prun --exec x --outDS n --allowTaskDuplication", "twice"),
        ("prun --exec x --outDS n --loadJson /etc/passwd", "not known here"),
        ("prun --exec x --outDS n extra", "not known here"),
        ("prun --exec x --outDS a --outDS b", "more than once"),
        ("prun --exec x --outDS n --site '$(id)'", "--site is not of its form"),
        ("prun --exec x --outDS n --containerImage -v", "not of its form"),
        ("prun --exec x --outDS n --nJobs one", "--nJobs is not of its form"),
        ("prun --exec x --outDS n --nJobs", "--nJobs has no value"),
        ("prun --exec --noBuild --outDS n", "may not start with a dash"),
        ("prun --exec 'x\ny' --outDS n", "line of its own"),
        ("prun --exec x --outDS n\n--official", "line of its own"),
        ("prun --exec 'x --outDS n", "No closing quotation"),
        (f"prun --exec x --outDS {'n' * 128}", "too long by 1 characters"),
        (f"prun --exec x --outDS {'n' * 122} --outputs myout.txt", "n_myout.txt"),
        ("prun --exec x --outDS n --nCore 4", "only 1 or 8"),
    ],
)
def test_anything_else_is_refused_and_named(text, complaint):
    with pytest.raises(CommandRefused, match=complaint):
        parse(text)


@given(st.text(min_size=1, max_size=60))
def test_what_is_executed_is_never_taken_apart(executed):
    text = f"prun \\\n  --exec {shlex.quote(executed)} \\\n  --outDS {NAME}"
    try:
        command = parse(text)
    except CommandRefused:
        return
    assert command.arguments == ("--exec", executed, "--outDS", NAME)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_no_word_comes_in_beside_the_known_options(words):
    text = " ".join(["prun", "--exec", "x", "--outDS", NAME, *map(shlex.quote, words)])
    try:
        arguments = parse(text).arguments
    except CommandRefused:
        return
    assert arguments[:4] == ("--exec", "x", "--outDS", NAME)
    assert len(arguments) == 4 + len(words)
    assert all(word == "" or word.isprintable() for word in arguments)


def test_the_sandboxs_files_are_named_by_the_configuration():
    dump = {"effective_config": {"data": {"files": ["run.sh", "run.sh", "a.json"]}}}
    assert sandbox_files(dump) == ("run.sh", "a.json")
    assert sandbox_files({"effective_config": {"data": None}}) == ()


@pytest.mark.parametrize("name", ["../run.sh", "/etc/passwd", "a b", ".hidden", "", 7, None])
def test_a_sandbox_file_is_a_plain_name(name):
    with pytest.raises(CommandRefused, match="files"):
        sandbox_files({"effective_config": {"data": {"files": [name]}}})
