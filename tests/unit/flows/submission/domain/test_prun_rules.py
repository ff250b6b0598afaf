"""What prun refuses of a task is known beforehand; the real prun is asked where it decides."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from flows.submission.domain import prun_rules

PREFIX = "group.EIC."


@pytest.fixture
def prun_checks(monkeypatch) -> ModuleType:
    """The checks of the installed prun, which looks names up where it is not told otherwise."""
    monkeypatch.setenv("PANDA_BEHIND_REAL_LB", "1")
    return importlib.import_module("pandaclient.PsubUtils")


@pytest.fixture
def prun_options(prun_checks) -> ModuleType:
    """The options of the installed prun."""
    return importlib.import_module("pandaclient.PrunArgs")


def name_of(length: int) -> str:
    return PREFIX + "x" * (length - len(PREFIX))


def objections(length: int = 100, **options: str) -> str:
    return "; ".join(prun_rules.objections(name_of(length), **options))


@pytest.mark.parametrize(
    ("longest", "outputs"),
    [
        (127, ""),  # .log
        (127, "o"),
        (121, "myout.txt"),
        (121, "a,myout.txt,b"),
        (126, "suff:" + "f" * 120),
        (130 - len("XYZ.txt.tgz"), "*.txt"),
    ],
)
def test_the_longest_dataset_of_a_task_has_to_fit(longest, outputs):
    assert objections(longest, outputs=outputs) == ""
    assert "too long by 1 characters" in objections(longest + 1, outputs=outputs)


@pytest.mark.parametrize("outputs", ["", "myout.txt", "s:f", "a,bbb,cc"])
@pytest.mark.parametrize("length", range(117, 133))
def test_a_name_is_too_long_exactly_where_prun_says_so(prun_checks, length, outputs):
    made = [f"{name_of(length)}{each}/" for each in prun_rules.endings(outputs)]
    parameters = [
        {"type": "template", "param_type": "output", "dataset": each, "value": "v"} for each in made
    ]
    code, _text = prun_checks.checkTaskParam({"jobParameters": parameters}, False)
    assert bool(code) == bool(objections(length, outputs=outputs))


def test_at_most_ten_outputs_go_with_a_job():
    ten = ",".join(f"f{each}" for each in range(10))
    assert objections(outputs=ten) == ""
    assert "names 11 files" in objections(outputs=f"{ten},f10")


@pytest.mark.parametrize("outputs", ["a:x,a:y", "x,x", "x,x:y"])
def test_each_output_has_a_dataset_of_its_own(outputs):
    assert "the same dataset" in objections(outputs=outputs)


def test_an_output_has_one_ending_at_most():
    assert "more than one colon in a:b:c" in objections(outputs="a:b:c")


@pytest.mark.parametrize("cores", ["1", "2", "4", "8", "16"])
def test_the_cores_are_those_that_prun_takes(prun_options, cores):
    try:
        prun_options.build_parser().parse_args(["--nCore", cores])
    except SystemExit:
        assert f"--nCore is {cores}" in objections(cores=cores)
    else:
        assert objections(cores=cores) == ""


@pytest.mark.parametrize(
    ("command", "is_refused"),
    [
        ("./run.sh %RNDM=0", False),
        ("./run.sh %DB:LATEST", False),
        ("./run.sh %DB:set:file", False),
        ("./run.sh %DB:nothing", True),
        ("./run.sh '%DB:x'", True),
    ],
)
def test_what_reads_as_a_database_release_is_one(command, is_refused):
    assert ("database release" in objections(command=command)) == is_refused
