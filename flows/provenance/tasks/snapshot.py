"""The snapshot's files in the original's form, and the releases at Rucio.

Files (ops contract section 1.8): ``$SWF_TMP_DIR/rucio-snapshots/current-<campaign>.json`` and
``timeline-<campaign>.json``, whole or not at all, readable by everybody.
"""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common import run
from flows.common.directories import write_file
from flows.provenance.actions import UPDATE_SNAPSHOT
from flows.provenance.domain import names
from flows.provenance.domain.figures import Dataset
from flows.provenance.domain.timeline import timeline
from flows.provenance.repository import sweeps
from flows.provenance.repository.sweeps import Swept
from flows.provenance.tasks import access
from flows.provenance.tasks.common import conclude, task

_LEFT_SECONDS: Final = 3600.0
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"


class FilesNotWritten(ProdOpsError):
    """A file of the snapshot could not be written; what was swept stands all the same."""


@task("write the snapshot's files")
def write_files(swept: Swept) -> None:
    """Write both files of a campaign from what its sweep was answered.

    Raises:
        FilesNotWritten: The disk does not take them; the old ones stay.
    """
    name, fetched_at = swept.campaign, swept.checked_at.strftime(_TIME)
    current = {
        "fetched_at": fetched_at,
        "scope": swept.scope,
        "campaign_name": name,
        "campaigns": _by_root(swept),
    }
    write_json(f"current-{name}.json", current)
    head = {"campaign_name": name, "snapshot_fetched_at": fetched_at}
    write_json(
        f"timeline-{name}.json", {**timeline(swept.datasets, until=swept.checked_at), **head}
    )


def write_inputs(swept: Swept) -> None:
    """Write the file of ``/EVGEN``, whole: the original's form (ops contract section 1.10).

    Raises:
        FilesNotWritten: The disk does not take it; the old one stays.
    """
    content = {"fetched_at": swept.checked_at.strftime(_TIME), "scope": swept.scope}
    write_json("evgen-rucio.json", content | _listed(swept.scope, swept.datasets))


def _by_root(swept: Swept) -> dict[str, Any]:
    """The datasets below ``/<STAGE>/<edition>``; the campaign's own roots are always there."""
    stages = run.current().settings.provenance.stages
    roots: dict[str, list[Dataset]] = {f"/{stage}/{swept.campaign}": [] for stage in stages}
    for each in swept.datasets:
        roots.setdefault(f"/{each.name.stage}/{each.name.campaign}", []).append(each)
    return {root: _listed(swept.scope, found) for root, found in roots.items()}


def _listed(scope: str, datasets: Sequence[Dataset]) -> dict[str, Any]:
    entries = [
        {
            "did": f"{scope}:{each.name.name}",
            "length": each.length,
            "bytes": each.size_bytes,
            "rse_replicas": list(each.records),
        }
        for each in datasets
    ]
    return {"count": len(entries), "datasets": entries}


def write_json(name: str, content: Mapping[str, Any]) -> None:
    """Replace a file of the snapshot whole; a reader sees the old or the new one.

    Raises:
        FilesNotWritten: The disk does not take it; the old one stays.
    """
    path = _directory() / name
    text = io.StringIO()
    json.dump(content, text, indent=2)
    with _disk_errors(path):
        _remove_leftovers(path)
        write_file(path, text.getvalue())


def _directory() -> Path:
    """Where snapshots are, for everybody to read."""
    directory = run.current().settings.stack.tmp_dir / "rucio-snapshots"
    with _disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
    return directory


def _remove_leftovers(path: Path) -> None:
    """Remove what runs that were killed left of the file long ago."""
    for part in path.parent.glob(f"{path.name}.*"):
        with suppress(FileNotFoundError):
            if time.time() - part.stat().st_mtime > _LEFT_SECONDS:
                part.unlink()


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FilesNotWritten(f"{path.name}: the snapshot's file: {error}") from error


@task("detect releases")
def detect_releases() -> dict[str, int]:
    """Count the datasets of each version below ``/RECO``, known to PCS or not."""
    scope = run.current().settings.provenance.scope
    listed = access.catalog().list_datasets(scope, f"/{names.RECO}/*")
    found = Counter(names.parse(name).campaign for name in listed)
    found.pop("", None)
    return dict(sorted(found.items(), reverse=True))


@task("record the snapshot")
def record_snapshot(
    failures: Sequence[str],
    swept: Iterable[Swept],
    releases: Mapping[str, int] | None,
    checked_at: datetime,
) -> None:
    """Record the releases, and announce how the snapshot ended.

    Args:
        failures: Of campaigns and of the detection of releases, each naming what failed.
        swept: The campaigns that were read.
        releases: None: they could not be read, and those that stand stay.
        checked_at: When the releases were read.
    """

    def write(session: Session) -> None:
        if releases is not None:
            sweeps.replace_releases(session, releases, checked_at)

    conclude(
        UPDATE_SNAPSHOT,
        {},
        error="; ".join(failures) or None,
        result={
            "campaigns": {each.campaign: dict(each.counts) for each in swept},
            "releases": dict(releases or {}),
        },
        write=write,
    )
