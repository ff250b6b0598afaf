"""What a completion report is made of: the rows of one campaign, as one sweep left them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flows.provenance.domain.join import COUNTED
from flows.provenance.domain.names import RECO
from flows.provenance.models import (
    CampaignSweep,
    Finding,
    PathMatch,
    ProducedDataset,
    RequestedPath,
    Rule,
)


@dataclass(frozen=True)
class Output:
    """A dataset that counts for a path, with its files that are of the path."""

    dataset: ProducedDataset
    rule: Rule
    total_files: int

    @property
    def files(self) -> int:
        """The files at the disk that has most of them."""
        return min(self.total_files, self.dataset.files_on_disk)

    @property
    def size_bytes(self) -> int:
        """Size of the files, where they are all of the dataset; else in proportion."""
        of = self.dataset.file_count or 1
        return self.dataset.file_bytes * self.total_files // of


@dataclass(frozen=True)
class Evidence:
    """The rows of one campaign; `datasets` by their ids."""

    campaign: str
    sweep: CampaignSweep
    paths: Sequence[RequestedPath]
    matches: Sequence[PathMatch]
    datasets: Mapping[int, ProducedDataset]

    @cached_property
    def _matches_of(self) -> Mapping[str, list[PathMatch]]:
        found: dict[str, list[PathMatch]] = defaultdict(list)
        for match in self.matches:
            found[match.path].append(match)
        return found

    def outputs(self, path: str) -> list[Output]:
        """What was produced for the path, by name."""
        matched = [
            (match, dataset)
            for match, dataset in self._of(path)
            if match.rule in COUNTED and dataset.stage == RECO
        ]
        twins = Counter(_twin_of(dataset) for _, dataset in matched)
        counted = [
            Output(dataset, Rule(match.rule), _files_of(match, dataset, twins))
            for match, dataset in matched
        ]
        return sorted(counted, key=lambda each: each.dataset.name)

    def suggestions(self, path: str) -> list[str]:
        """DIDs that are near to the path, by name."""
        return sorted(dataset.did for match, dataset in self._of(path) if is_suggested(match))

    def unmatched(self) -> list[ProducedDataset]:
        """Datasets that count for no requested path, by name."""
        matched = {each.dataset_id for each in self.matches if not is_suggested(each)}
        left = [each for id_, each in self.datasets.items() if id_ not in matched]
        return sorted(left, key=lambda each: each.name)

    @cached_property
    def path_of(self) -> Mapping[int, str]:
        """The path that each dataset counts for: its owner, where that is one of these paths."""
        claims = sorted((each for each in self.matches if not is_suggested(each)), key=_first_last)
        first = {each.dataset_id: each.path for each in claims}
        wanted = {each.path for each in self.paths}
        owned = {
            id_: each.owner_path
            for id_, each in self.datasets.items()
            if each.owner_path is not None and each.owner_path in wanted
        }
        return first | owned

    def _of(self, path: str) -> Iterator[tuple[PathMatch, ProducedDataset]]:
        for match in self._matches_of.get(path, ()):
            dataset = self.datasets.get(match.dataset_id)
            if dataset is not None:
                yield match, dataset


def is_suggested(match: PathMatch) -> bool:
    """Whether the match is only a suggestion."""
    return match.rule not in COUNTED


def _twin_of(dataset: ProducedDataset) -> tuple[str, ...]:
    """What datasets share whose names differ by slashes only."""
    return (dataset.campaign, dataset.detector_config, dataset.background, dataset.suffix)


def _files_of(
    match: PathMatch, dataset: ProducedDataset, twins: Mapping[tuple[str, ...], int]
) -> int:
    """The dataset's files that are of the path; a file that twins hold is of the first."""
    is_twin = twins[_twin_of(dataset)] > 1
    return match.file_count or (dataset.counted_files if is_twin else dataset.file_count)


def finding_of(path: RequestedPath, outputs: Sequence[Output]) -> Finding:
    """What is known of the path: what the sweep wrote, never better than its rows."""
    finding = Finding(path.finding)
    return Finding.MISSING if finding is Finding.FOUND and not outputs else finding


def _first_last(match: PathMatch) -> tuple[bool, str]:
    """Order in which the claim that counts comes last."""
    return match.rule == Rule.EXACT, match.path
