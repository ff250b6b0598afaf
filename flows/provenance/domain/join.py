"""The join of requested paths and produced datasets: exact on the suffix, then by labelled rules.

One dataset has one owner, whatever the order in which paths, tasks and datasets are given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from flows.provenance.domain import names
from flows.provenance.domain.names import ProducedName
from flows.provenance.models import Finding, Rule

_INPUT_ENDING: Final = ".hepmc3.tree.root"
_OUTPUT_ENDINGS: Final = (".eicrecon.edm4eic.root", ".edm4hep.root")  # of RECO, of FULL
COUNTED: Final = (Rule.EXACT, Rule.BACKGROUND, Rule.FILE)
"""The rules that find and own, the strongest first; others only suggest."""

_MOST_SHOWN: Final = 3
_UNRELATED: Final = 2


@dataclass(frozen=True, slots=True, order=True)
class TaskOf:
    """A task of PCS that asks for a path, and its campaign."""

    name: str
    campaign: str = ""


@dataclass(frozen=True, slots=True)
class Requested:
    """A requested path, once, whatever number of tasks asks for it.

    Attributes:
        path: trimmed.
        suffix: behind the root; empty where the path does not begin with it.
    """

    path: str
    suffix: str
    tasks: tuple[TaskOf, ...] = ()
    priority: int | None = None
    requestor: str = ""

    @property
    def file_base(self) -> str | None:
        """What the names of produced files hold, where the request names a file."""
        name = self.suffix.rpartition("/")[2]
        return name.removesuffix(_INPUT_ENDING) if name.endswith(_INPUT_ENDING) else None

    @property
    def directory(self) -> str:
        """The suffix of the dataset that counts: for a file, that of its directory."""
        return self.suffix.rpartition("/")[0] if self.file_base is not None else self.suffix


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """A dataset that counts for a path, or is suggested for it (rule `version`)."""

    path: str
    name: str
    rule: Rule
    file_count: int | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """The one path of a dataset, and its task, where PCS has one of the dataset's campaign."""

    path: str
    task: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a path, and why nothing matches."""

    finding: Finding
    reason: str | None = None


@dataclass(frozen=True)
class Joined:
    """All matches in order, the owner by the dataset's name, the outcome by path."""

    matches: tuple[Match, ...]
    owners: Mapping[str, Owner]
    outcomes: Mapping[str, Outcome]

    def found(self) -> set[str]:
        """The paths that were found."""
        return {path for path, each in self.outcomes.items() if each.finding is Finding.FOUND}


@dataclass
class _Index:
    by_suffix: dict[str, list[ProducedName]] = field(default_factory=lambda: defaultdict(list))
    by_background: dict[str, list[ProducedName]] = field(default_factory=lambda: defaultdict(list))
    by_unversioned: dict[str, list[ProducedName]] = field(default_factory=lambda: defaultdict(list))


def join(
    requested: Sequence[Requested],
    produced: Collection[ProducedName],
    files: Mapping[str, Collection[str]] | None = None,
) -> Joined:
    """Say which datasets count for which paths, each of which must be found at RECO.

    Args:
        requested: each path once.
        produced: each dataset once.
        files: names of the files of the datasets that :func:`asked_for_files` names.
    """
    index = _index(requested, produced)
    matches: list[Match] = []
    outcomes: dict[str, Outcome] = {}
    datasets = {each.name: each for each in produced}
    for each in requested:
        counted = _counted(each, index, files or {})
        is_found = any(datasets[match.name].stage == names.RECO for match in counted)
        suggested = [] if is_found else _suggested(each, index, {m.name for m in counted})
        matches += [*counted, *suggested]
        outcomes[each.path] = _outcome(each, is_found, counted, suggested, datasets)
    return Joined(tuple(sorted(matches)), _owners(requested, matches, datasets), outcomes)


def markers(
    requested: Sequence[Requested],
    produced: Iterable[ProducedName],
    files: Mapping[str, Collection[str]] | None = None,
) -> set[str]:
    """The paths that were found: what names alone say, without anything else of Rucio.

    Only of the datasets that :func:`asked_for_files` names are the files needed.
    """
    reconstructed = [each for each in produced if each.stage == names.RECO]
    index = _index(requested, reconstructed)
    return {each.path for each in requested if _counted(each, index, files or {})}


def asked_for_files(requested: Iterable[Requested], produced: Iterable[ProducedName]) -> set[str]:
    """The datasets whose files' names decide: requests name single files of them."""
    wanted = {each.directory for each in requested if each.file_base is not None}
    return {each.name for each in produced if each.suffix in wanted}


def _index(requested: Iterable[Requested], produced: Iterable[ProducedName]) -> _Index:
    wanted = {each.directory for each in requested}
    index = _Index()
    for each in produced:
        if not each.background:
            index.by_suffix[each.suffix].append(each)
        else:
            index.by_background[_longest(each, wanted)].append(each)
        index.by_unversioned[names.without_version(each.suffix)].append(each)
    return index


def _longest(produced: ProducedName, wanted: Collection[str]) -> str:
    """The longest requested suffix that a name behind a background prefix ends with."""
    segments = produced.rest.split("/")
    tails = ("/".join(segments[begin:]) for begin in range(1, len(segments)))
    return next((tail for tail in tails if tail in wanted), produced.suffix)


def _counted(
    requested: Requested, index: _Index, files: Mapping[str, Collection[str]]
) -> list[Match]:
    if not requested.suffix:
        return []
    exact = index.by_suffix.get(requested.directory, [])
    behind = index.by_background.get(requested.directory, [])
    base = requested.file_base
    if base is not None:
        held = {each.name: _held(base, files.get(each.name, ())) for each in (*exact, *behind)}
        return [
            Match(requested.path, name, Rule.FILE, number)
            for name, number in held.items()
            if number
        ]
    return [
        *(Match(requested.path, each.name, Rule.EXACT) for each in exact),
        *(Match(requested.path, each.name, Rule.BACKGROUND) for each in behind),
    ]


def _held(base: str, files: Collection[str]) -> int:
    """How many of the files were made of the input (contract section 3.6, UPSILON_ABCONV)."""
    return sum(
        1 for name in files if base in name.rpartition("/")[2] and name.endswith(_OUTPUT_ENDINGS)
    )


def _suggested(requested: Requested, index: _Index, counted: Collection[str]) -> list[Match]:
    if not requested.suffix or requested.file_base is not None:
        return []
    same = index.by_unversioned.get(names.without_version(requested.suffix), [])
    return [
        Match(requested.path, each.name, Rule.VERSION)
        for each in same
        if each.suffix != requested.suffix and each.name not in counted
    ]


def _outcome(
    requested: Requested,
    is_found: bool,  # noqa: FBT001 - one of five facts
    counted: Sequence[Match],
    suggested: Sequence[Match],
    datasets: Mapping[str, ProducedName],
) -> Outcome:
    if is_found:
        return Outcome(Finding.FOUND)
    if not requested.suffix:
        return Outcome(Finding.MISSING, "the path does not begin with EVGEN's root")
    if counted:
        stages = sorted({datasets[match.name].stage for match in counted})
        return Outcome(Finding.MISSING, f"only at {', '.join(stages)}")
    if suggested:
        versions = sorted({names.version_in(datasets[each.name].suffix) for each in suggested})
        return Outcome(Finding.MISSING, f"produced with {', '.join(versions[:_MOST_SHOWN])}")
    if requested.file_base is not None:
        return Outcome(Finding.MISSING, "no file that was made of it")
    return Outcome(Finding.MISSING, "no dataset of that name")


def _owners(
    requested: Iterable[Requested],
    matches: Iterable[Match],
    datasets: Mapping[str, ProducedName],
) -> dict[str, Owner]:
    """One owner each: by rule, then by a task of the dataset's campaign, then by name."""
    paths = {each.path: each for each in requested}
    best: dict[str, tuple[tuple[int, int, str, str], Owner]] = {}
    for match in matches:
        if match.rule not in COUNTED:
            continue
        campaign = datasets[match.name].campaign
        distance, task = _nearest(paths[match.path].tasks, campaign)
        rank = (COUNTED.index(match.rule), distance, task or "", match.path)
        if match.name not in best or rank < best[match.name][0]:
            best[match.name] = (rank, Owner(match.path, task))
    return {name: owner for name, (_, owner) in best.items()}


def _nearest(tasks: Iterable[TaskOf], campaign: str) -> tuple[int, str | None]:
    """The task that is nearest to the campaign, the lowest name first.

    One of another campaign only asked for the path too: it did not make this.
    """
    ranked = sorted((_distance(task.campaign, campaign), task.name) for task in tasks)
    distance, task = ranked[0] if ranked else (_UNRELATED, None)
    return distance, task if distance < _UNRELATED else None


def _distance(campaign: str, of: str) -> int:
    if campaign == of:
        return 0
    return 1 if campaign and names.are_related(campaign, of) else _UNRELATED
