"""What prun refuses of values that are each of their form. Pure.

Source: panda-client 2.2.0 (`PrunScript.main`, `PsubUtils.checkTaskParam`, `CommonArgs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MAX_DATASET: Final = 131
"""Longest name of a dataset that prun makes: it adds a slash, and takes 132 characters."""
LOG_ENDING: Final = ".log"
_MAX_OUTPUTS: Final = 10
_CORES: Final = ("1", "8")
_RELEASE: Final = re.compile(r"%DB:([^ '\";]+)")


def endings(outputs: str) -> list[str]:
    """What prun appends to `--outDS` for the datasets of a task: its log's and its outputs'.

    Args:
        outputs: Value of `--outputs`: file names with a comma between, each alone or after the
            ending of its dataset and a colon.
    """
    return [LOG_ENDING, *(f"_{ending}" for ending, _file in _split(outputs))]


def longest_ending(outputs: str) -> int:
    """How many characters `--outDS` has to leave free."""
    return max(map(len, endings(outputs)))


def objections(
    out_ds: str, *, outputs: str = "", cores: str = "", command: str = ""
) -> Iterator[str]:
    """Why prun would refuse a task, in the names of its options; nothing where it would not.

    Args:
        out_ds: The task's name.
        outputs: Value of `--outputs`.
        cores: Value of `--nCore`.
        command: Value of `--exec`.
    """
    dataset = out_ds + max(endings(outputs), key=len)
    if len(dataset) > MAX_DATASET:
        yield (
            f"--outDS is too long by {len(dataset) - MAX_DATASET} characters: prun takes at most "
            f"{MAX_DATASET} for a dataset, and one would be named {dataset}"
        )
    yield from _about_outputs(outputs)
    if cores and cores not in _CORES:
        yield f"--nCore is {cores}, and prun takes only {' or '.join(_CORES)}"
    release = _RELEASE.search(command)
    if release and ":" not in release[1] and release[1] != "LATEST":
        yield f"--exec has %DB:{release[1]}, which prun takes for a database release"


def _about_outputs(outputs: str) -> Iterator[str]:
    named = [ending for ending, _file in _split(outputs)]
    if len(named) > _MAX_OUTPUTS:
        yield f"--outputs names {len(named)} files, and prun takes at most {_MAX_OUTPUTS}"
    for ending in dict.fromkeys(each for each in named if named.count(each) > 1):
        yield f"--outputs gives two files the same dataset, which ends with _{ending}"
    for ending, file in _split(outputs):
        if ":" in file:
            yield f"--outputs has more than one colon in {ending}:{file}"


def _split(outputs: str) -> list[tuple[str, str]]:
    """The ending of each output's dataset, and the file."""
    found = []
    for each in filter(None, outputs.split(",")):
        ending, colon, file = each.partition(":")
        # prun packs what a pattern matches.
        name = f"{each.replace('*', 'XYZ')}.tgz" if "*" in each else each
        found.append((ending, file) if colon else (name, name))
    return found
