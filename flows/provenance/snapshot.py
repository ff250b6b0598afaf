"""The snapshot: every producing campaign swept, and its files in the original's form.

Files (ops contract section 1.8): ``$SWF_TMP_DIR/rucio-snapshots/current-<campaign>.json`` and
``timeline-<campaign>.json``, whole or not at all, readable by everybody.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from blocks.pcs_service import Campaign, Survey
from flows.common.database import now
from flows.provenance import ledger, repository
from flows.provenance.domain import names
from flows.provenance.domain.figures import Dataset
from flows.provenance.domain.timeline import timeline
from flows.provenance.ledger import End
from flows.provenance.repository import Swept
from flows.provenance.workplace import workplace

ACTION: Final = "rucio_snapshot_update"
_CURRENT: Final = "current"
_PRODUCING: Final = frozenset({"current", "last", "producing"})
_OVER: Final = "past"
_LEFT_SECONDS: Final = 3600.0
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"


class NoCurrentCampaign(ProdOpsError):
    """PCS has no campaign to look at (the words are the original's)."""

    def __init__(self) -> None:
        super().__init__("No current Campaign defined in PCS.")


class FilesNotWritten(ProdOpsError):
    """A file of the snapshot could not be written; what was swept is kept all the same."""


def producing(survey: Survey) -> list[str]:
    """The campaigns to look at: current, last and producing ones, and those with tasks at work.

    Raises:
        NoCurrentCampaign: There is none.
    """
    found = [each.name for each in survey.campaigns if _is_producing(each)]
    if not found:
        raise NoCurrentCampaign
    first = {each.name for each in survey.campaigns if each.lifecycle == _CURRENT}
    return sorted(found, key=lambda name: (name not in first, name))


def _is_producing(campaign: Campaign) -> bool:
    is_at_work = campaign.is_in_work and campaign.lifecycle != _OVER
    return campaign.lifecycle in _PRODUCING or is_at_work


# ------------------------------------------------------------------ files


def write_files(swept: Swept) -> None:
    """Write both files of a campaign from what its sweep was answered.

    Raises:
        FilesNotWritten: The disk does not take them; the old ones stay.
    """
    directory = snapshot_directory()
    name = swept.campaign
    write_json(directory / f"current-{name}.json", _current(swept))
    told = timeline(swept.datasets, until=swept.checked_at)
    head = {"campaign_name": name, "snapshot_fetched_at": swept.checked_at.strftime(_TIME)}
    write_json(directory / f"timeline-{name}.json", {**told, **head})


def snapshot_directory() -> Path:
    """Where snapshots are, for everybody to read.

    Raises:
        FilesNotWritten: It cannot be made.
    """
    directory = workplace().settings.stack.tmp_dir / "rucio-snapshots"
    with _as_ours(directory):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
    return directory


def _current(swept: Swept) -> dict[str, Any]:
    return {
        "fetched_at": swept.checked_at.strftime(_TIME),
        "scope": swept.scope,
        "campaign_name": swept.campaign,
        "campaigns": _by_root(swept),
    }


def _by_root(swept: Swept) -> dict[str, Any]:
    """The datasets below ``/<STAGE>/<edition>``; the campaign's own roots are always there."""
    stages = workplace().settings.provenance.stages
    roots: dict[str, list[Dataset]] = {f"/{stage}/{swept.campaign}": [] for stage in stages}
    for each in swept.datasets:
        roots.setdefault(f"/{each.name.stage}/{each.name.campaign}", []).append(each)
    return {
        root: {"count": len(found), "datasets": [entry(swept.scope, each) for each in found]}
        for root, found in roots.items()
    }


def entry(scope: str, dataset: Dataset) -> dict[str, Any]:
    """A dataset as the snapshot has it."""
    return {
        "did": f"{scope}:{dataset.name.name}",
        "length": dataset.length,
        "bytes": dataset.size_bytes,
        "rse_replicas": list(dataset.records),
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file whole; a reader sees the old or the new one.

    Raises:
        FilesNotWritten: The disk does not take it; the old one stays.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with _as_ours(path):
        _remove_leftovers(path)
        try:
            with part.open("w") as file:
                json.dump(content, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Remove what runs that were killed left of the file long ago."""
    for part in path.parent.glob(f".{path.name}.*"):
        with suppress(FileNotFoundError):
            if time.time() - part.stat().st_mtime > _LEFT_SECONDS:
                part.unlink()


@contextmanager
def _as_ours(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FilesNotWritten(f"{path.name}: the snapshot's file: {error}") from error


# ------------------------------------------------------------------ releases


def detect_releases() -> dict[str, int]:
    """Count the datasets of each version below ``/RECO``, known to PCS or not."""
    place = workplace()
    listed = place.catalog.list_datasets(place.settings.provenance.scope, f"/{names.RECO}/*")
    found = Counter(names.parse(name).campaign for name in listed)
    found.pop("", None)
    return dict(sorted(found.items(), reverse=True))


# ------------------------------------------------------------------ end


def end(
    failures: Sequence[str],
    swept: Iterable[Swept],
    releases: Mapping[str, int] | None,
    *,
    checked_at: datetime | None = None,
    is_last: bool = True,
) -> None:
    """Record the releases, and announce how the snapshot ended.

    Args:
        failures: of campaigns and of the look for releases, each naming what failed.
        swept: the campaigns that were read.
        releases: unset: they could not be read, and those that stand stay.
        checked_at: when the releases were read.
        is_last: whether the run's request ends with it.
    """
    summary = {each.campaign: dict(each.counts) for each in swept}

    def write(session: Session) -> None:
        if releases is not None:
            repository.replace_releases(session, releases, checked_at or now())

    error = "; ".join(failures) or None
    result = {"campaigns": summary, "releases": dict(releases or {})}
    ended = End(action=ACTION, told={}, error=error, result=result, is_last=is_last)
    ledger.record(ended, write)
