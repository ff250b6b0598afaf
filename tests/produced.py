"""Provenance rows for tests, as a sweep leaves them: made up, or of the real listings."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flows.common.database import now, transaction
from flows.provenance.models import (
    Availability,
    CampaignSweep,
    Finding,
    PathMatch,
    ProducedDataset,
    ProducedFile,
    RequestedPath,
    Rule,
    SweepState,
)

ROOT = "/volatile/eic/EPIC/EVGEN"
NAME = "26.05.0"
CONFIG = "epic_craterlake"
OTHER = "epic_craterlake_without_zdc"
SUFFIX = "DIS/NC/10x100/minQ2=1"
DATASET = f"/RECO/{NAME}/{CONFIG}/{SUFFIX}"
BACKGROUND = "Bkg_Exact1S_2us/GoldCt/10um"
SHARED = Path(__file__).parents[2] / "shared" / "data"
_BACKGROUND = re.compile(r"(Bkg_[^/]+/GoldCt/[^/]+)/(.+)")
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"Total Size: ([\d.]+) (\w+) \((\d+) files\)")
_RSE = re.compile(r"RSE: (\S+)\s+Files: (\d+)/(\d+)")


def produced(
    name: str,
    *,
    files: Mapping[str, tuple[int, int]],
    size_bytes: int | None = None,
    **more: Any,
) -> ProducedDataset:
    """A dataset that Rucio holds; `files` are those available and wanted at each RSE."""
    stage, version, config, suffix = name.strip("/").split("/", 3)
    behind = _BACKGROUND.fullmatch(suffix)
    rses = [
        {
            "rse": rse,
            "type": "TAPE" if "TAPE" in rse else "DISK",
            "files": have,
            "total": total,
            "bytes": have * 10**9,
            "complete": have == total,
        }
        for rse, (have, total) in sorted(files.items())
    ]
    count = max((total for _, total in files.values()), default=0)
    columns = {
        "scope": "epic", "name": name, "campaign": version, "stage": stage,
        "detector_config": config, "suffix": behind[2] if behind else suffix,
        "background": behind[1] if behind else "", "length": count, "is_open": False,
        "size_bytes": size_bytes, "file_count": count,
        "file_bytes": count * 10**9 if size_bytes is None else size_bytes, "rses": rses,
        "counted_files": count, "availability": availability(rses), "contradictions": [],
        "arrived_at": now() - timedelta(days=3), "checked_at": now(),
    }  # fmt: skip
    given = columns | more
    return ProducedDataset(**{"counted_bytes": given["file_bytes"], **given})


def availability(rses: Sequence[Mapping[str, Any]]) -> Availability:
    """Where all files are, of RSEs whose counts do not contradict."""
    having = [each for each in rses if each["complete"]]
    if not any(each["type"] == "DISK" for each in having):
        return Availability.TAPE if having else Availability.INCOMPLETE
    is_all = len(having) == len(rses)
    return Availability.COMPLETE if is_all else Availability.REPLICATING


@dataclass
class SweptCampaign:
    """A campaign as a sweep leaves it, a path at a time."""

    engine: Engine
    name: str = "26.05.0"
    at: datetime = field(default_factory=now)

    def swept(self, state: SweepState = SweepState.OK, **columns: Any) -> None:
        """A look at the campaign that ended so."""
        at = {"checked_at": self.at, "attempted_at": self.at}
        with transaction(self.engine) as session:
            session.merge(CampaignSweep(campaign=self.name, state=state, **at | columns))

    def path(
        self,
        suffix: str,
        *,
        configs: Iterable[str] = (),
        files: Mapping[str, tuple[int, int]] | None = None,
        rule: Rule = Rule.EXACT,
        background: str = "",
        stage: str = "RECO",
        dataset: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> str:
        """A requested path, found under each detector configuration; gives the path."""
        path = f"{ROOT}/{suffix}"
        found = [config for config in configs if rule is not Rule.VERSION]
        finding = Finding.FOUND if found else Finding.MISSING
        with transaction(self.engine) as session:
            self._request(session, path, suffix, {"finding": finding} | columns)
            for config in configs:
                behind = f"{background}/{suffix}" if background else suffix
                name = f"/{stage}/{self.name}/{config}/{behind}"
                owner = {} if rule is Rule.VERSION else {"owner_path": path}
                row = produced(
                    name, files=files or {"BNL-XRD": (3, 3)}, **owner | dict(dataset or {})
                )
                session.add(row)
                session.flush()
                session.add(PathMatch(campaign=self.name, path=path, dataset_id=row.id, rule=rule))
        return path

    def unmatched(self, suffix: str, **more: Any) -> str:
        """A dataset that nobody asked for; gives its DID."""
        name = f"/RECO/{self.name}/epic_craterlake/{suffix}"
        with transaction(self.engine) as session:
            session.add(produced(name, files={"BNL-XRD": (2, 2)}, **more))
        return f"epic:{name}"

    def files(self, dataset: str, number: int) -> list[str]:
        """Files of a dataset."""
        names = [f"{dataset}/run.{each:04}.eicrecon.edm4eic.root" for each in range(number)]
        with transaction(self.engine) as session:
            row = session.query(ProducedDataset).filter_by(name=dataset).one()
            session.add_all(
                ProducedFile(dataset_id=row.id, name=name, size_bytes=10**9, adler32="0a1b2c3d")
                for name in names
            )
        return names

    def _request(
        self, session: Session, path: str, suffix: str, columns: Mapping[str, Any]
    ) -> None:
        known = {"suffix": suffix, "checked_at": self.at, "priority": 1, "requestor": "edt"}
        session.merge(RequestedPath(campaign=self.name, path=path, **known | columns))


# ------------------------------------------------------------------ the real listings


@dataclass(frozen=True)
class Listed:
    """A dataset of a listing."""

    name: str
    rses: dict[str, tuple[int, int]]
    size_bytes: int


def campaign_of_each_kind(engine: Engine) -> SweptCampaign:
    """A swept campaign with a path of each kind."""
    swept = SweptCampaign(engine, NAME)
    swept.swept()
    swept.path(SUFFIX, configs=[CONFIG, OTHER], files={"BNL-XRD": (34, 34), "NEW-XRD": (5, 34)})
    swept.path("SIDIS/5x41", configs=[CONFIG], priority=3, requestor="sidis")
    swept.path("DIS/CC/5x41", reason="Rucio has nothing of that path", requestor="")
    swept.path(
        "SINGLE/e-/10GeV", configs=[CONFIG], rule=Rule.BACKGROUND, background=BACKGROUND,
        files={"BNL-XRD": (2, 3)},
    )  # fmt: skip
    swept.path("DIS/pythia8.316-1.1/10x100", configs=["epic_old"], rule=Rule.VERSION)
    swept.unmatched(f"{CONFIG}/DIS/extra")
    return swept


def requested_rows() -> list[dict[str, str]]:
    """The real requests; skips where they are absent."""
    place = SHARED / "requests" / "datasets.csv"
    if not place.exists():
        pytest.skip("the shared inputs are not on this machine")
    with place.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def listed(campaign: str) -> list[Listed]:
    """What Rucio held of a real campaign; skips where the listing is absent."""
    place = SHARED / "produced" / f"RECO-{campaign}.txt"
    if not place.exists():
        pytest.skip("the shared inputs are not on this machine")
    blocks = place.read_text(encoding="utf-8").split("=== epic:")[1:]
    found = []
    for block in blocks:
        name = block.split(" ===", 1)[0]
        size = _SIZE.search(block)
        rses = {rse: (int(have), int(all_)) for rse, have, all_ in _RSE.findall(block)}
        number = int(float(size[1]) * _UNITS[size[2]]) if size else 0
        found.append(Listed(name, rses, number))
    return found


def load_listing(engine: Engine, campaign: str) -> None:
    """A real campaign as a sweep would leave it: exact and background rules only."""
    swept = SweptCampaign(engine, campaign)
    begin = datetime(2026, 6, 1, 9, tzinfo=UTC)
    by_suffix: dict[str, list[tuple[Rule, Any]]] = {}
    with transaction(engine) as session:
        for number, each in enumerate(listed(campaign)):
            arrived = begin + timedelta(hours=5 * number)
            row = produced(
                each.name, files=each.rses, size_bytes=each.size_bytes, arrived_at=arrived
            )
            session.add(row)
            rule = Rule.BACKGROUND if row.background else Rule.EXACT
            by_suffix.setdefault(row.suffix, []).append((rule, row))
        session.flush()
        for asked in requested_rows():
            _load_request(session, swept, asked, by_suffix)
    swept.swept()


def _load_request(
    session: Session,
    swept: SweptCampaign,
    asked: Mapping[str, str],
    by_suffix: Mapping[str, list[tuple[Rule, Any]]],
) -> None:
    path = asked["Dataset Path"].rstrip("/")
    suffix = path.removeprefix(f"{ROOT}/")
    matches = by_suffix.get(suffix, [])
    swept._request(
        session, path, suffix,
        {"finding": Finding.FOUND if matches else Finding.MISSING,
         "priority": int(asked["Priority"]) if asked["Priority"].isdecimal() else None,
         "requestor": asked["DSC or PWG"]},
    )  # fmt: skip
    for rule, row in matches:
        row.owner_path = path
        session.merge(PathMatch(campaign=swept.name, path=path, dataset_id=row.id, rule=rule))
