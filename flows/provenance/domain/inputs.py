"""Which registered input a requested path means, and why none where there is none. Pure.

Rules: the same suffix; or the file, in the dataset of its directory. Another generator version,
and the path's parts in their order among others, are suggestions (ops contract section 1.10); of
a part that names a range of Q2, the range counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flows.provenance.domain.join import Joined, Match, Outcome, Owner, Requested
from flows.provenance.domain.names import version_in, without_version
from flows.provenance.models import Finding, Rule

PREFIX: Final = "/EVGEN/"
_MOST_SUGGESTED: Final = 10
_Q2_FROM: Final = re.compile(r"minQ2=([0-9]+)", re.ASCII)
_Q2_RANGE: Final = re.compile(r"q2_([0-9]+)(?:to|_)([0-9]+)", re.ASCII)


def join_inputs(
    requested: Collection[Requested],
    names: Iterable[str],
    files: Mapping[str, Collection[str]],
) -> Joined:
    """Say which registered datasets are which requested paths.

    Args:
        requested: Each path once.
        names: The datasets under ``/EVGEN``.
        files: Names of the files of the datasets that :func:`asked_for_files` names.
    """
    registered = _Registered(names)
    matches: list[Match] = []
    outcomes: dict[str, Outcome] = {}
    for each in sorted(requested, key=lambda one: one.path):
        found = registered.counted(each, files)
        suggested = [] if found else registered.suggested(each)
        matches += [*found, *suggested]
        outcomes[each.path] = (
            Outcome(Finding.FOUND)
            if found
            else Outcome(Finding.MISSING, registered.reason(each, suggested))
        )
    return Joined(tuple(sorted(matches)), _owners(matches), outcomes)


def asked_for_files(requested: Iterable[Requested]) -> set[str]:
    """The datasets whose files' names decide: requests name single files of them."""
    return {PREFIX + each.directory for each in requested if each.file_base is not None}


class _Registered:
    """What Rucio has under ``/EVGEN``, found again by the parts of its names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {each.removeprefix(PREFIX): each for each in sorted(names)}
        self._by_generator: dict[str, list[str]] = defaultdict(list)
        self._heads: set[str] = set()
        for suffix in self._names:
            self._by_generator[without_version(suffix)].append(suffix)
            parts = suffix.split("/")
            self._heads.update("/".join(parts[:at]) for at in range(1, len(parts) + 1))

    def counted(self, requested: Requested, files: Mapping[str, Collection[str]]) -> list[Match]:
        """The dataset that the path means; for a file, the one that holds it."""
        name = self._names.get(requested.directory)
        if name is None or not requested.suffix:
            return []
        if requested.file_base is None:
            return [Match(requested.path, name, Rule.EXACT)]
        wanted = requested.suffix.rpartition("/")[2]
        held = any(each.rpartition("/")[2] == wanted for each in files.get(name, ()))
        return [Match(requested.path, name, Rule.FILE, 1)] if held else []

    def suggested(self, requested: Requested) -> list[Match]:
        """Datasets near to the path: of another version, else those whose names hold its parts."""
        suffix = requested.suffix
        if not suffix or requested.file_base is not None:
            return []
        if others := self._by_generator.get(without_version(suffix)):
            return self._suggestions(requested.path, others, Rule.VERSION)
        longer = [each for each in self._names if follows(suffix, each)]
        return self._suggestions(requested.path, longer, Rule.TOKENS)

    def reason(self, requested: Requested, suggested: Sequence[Match]) -> str:
        """Why the path is not registered, in one line."""
        if not requested.suffix:
            return "the path does not begin with EVGEN's root"
        directory = PREFIX + requested.directory
        if requested.file_base is not None and requested.directory in self._names:
            return f"a file is asked for, and the dataset {directory} has none of that name"
        if requested.file_base is not None:
            return f"a file is asked for, and its dataset {directory} is not registered"
        if not suggested:
            return f"nothing is registered under {PREFIX}{self._unknown_part(requested.suffix)}"
        if suggested[0].rule is Rule.VERSION:
            versions = sorted({version_in(each.name) for each in suggested})
            return f"only version {', '.join(versions)} is registered"
        more = f" and {len(suggested) - 1} more" if len(suggested) > 1 else ""
        return f"only longer names are registered: {suggested[0].name}{more}"

    def _unknown_part(self, suffix: str) -> str:
        parts = suffix.split("/")
        heads = ("/".join(parts[:at]) for at in range(1, len(parts) + 1))
        return next((head for head in heads if head not in self._heads), suffix)

    def _suggestions(self, path: str, suffixes: Iterable[str], rule: Rule) -> list[Match]:
        first = sorted(suffixes)[:_MOST_SUGGESTED]
        return [Match(path, self._names[each], rule) for each in first]


def _owners(matches: Iterable[Match]) -> dict[str, Owner]:
    """The path of each dataset; no task: an input is of no campaign, and no task's output."""
    owners: dict[str, Owner] = {}
    for match in sorted(matches, key=lambda each: (each.rule is not Rule.EXACT, each.path)):
        if match.rule in {Rule.EXACT, Rule.FILE} and match.name not in owners:
            owners[match.name] = Owner(match.path, None)
    return owners


# ------------------------------------------------------------------ ranges of Q2


@dataclass(frozen=True)
class Q2:
    """A range of Q2 in GeV2; no `high`: all from `low` on."""

    low: int
    high: int | None = None

    def takes(self, other: Q2) -> bool:
        """Whether the other is what this one asks for (ops contract section 1.10)."""
        return self == other if self.high is not None else other.low >= self.low


def q2_of(part: str) -> Q2 | None:
    """The range that a part names; None where it names none."""
    if found := _Q2_FROM.fullmatch(part):
        return Q2(int(found[1]))
    if found := _Q2_RANGE.fullmatch(part):
        return Q2(int(found[1]), int(found[2]))
    return None


def follows(wanted: str, name: str) -> bool:
    """Whether the parts of `wanted` stand in `name` in their order; Q2 by its range."""
    parts = iter(name.split("/"))
    return all(any(_is_meant(each, part) for part in parts) for each in wanted.split("/"))


def _is_meant(wanted: str, part: str) -> bool:
    if wanted == part:
        return True
    asked, given = q2_of(wanted), q2_of(part)
    return asked is not None and given is not None and asked.takes(given)
