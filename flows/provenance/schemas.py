"""What provenance is to peers: entries of `overrides.outputs` (ops contract section 3.3)."""

from __future__ import annotations

from typing import Any, Final

from flows.common.axes import read_axes
from flows.provenance.models import ProducedDataset

CHECKED_AT: Final = "checked_at"
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"
_RSE_KEYS: Final = ("rse", "files", "total", "complete")


def output_entry(dataset: ProducedDataset) -> dict[str, Any]:
    """A produced dataset as an entry of `overrides.outputs`."""
    return {
        "did": dataset.did,
        "stage": dataset.stage,
        "version": dataset.campaign,
        "filters": filters_of(dataset),
        "rses": rses_of(dataset),
        "file_count": _most(dataset, "total", dataset.length, dataset.file_count),
        "bytes": _most(dataset, "bytes", dataset.size_bytes, dataset.file_bytes),
        "complete": is_complete(dataset),
        CHECKED_AT: dataset.checked_at.strftime(_TIME),
    }


def rses_of(dataset: ProducedDataset) -> list[dict[str, Any]]:
    """Its RSEs; to peers one is complete only where there are files."""
    return [
        {key: each.get(key) for key in _RSE_KEYS} | {"complete": _has_all(each)}
        for each in dataset.rses
    ]


def is_complete(dataset: ProducedDataset) -> bool:
    """Whether it is complete to peers: all of its files, and at least one, at every RSE."""
    return bool(dataset.rses) and all(_has_all(each) for each in dataset.rses)


def _has_all(rse: dict[str, Any]) -> bool:
    return bool(rse["complete"]) and rse["total"] > 0


def filters_of(dataset: ProducedDataset) -> dict[str, str]:
    """The axes that peers filter by."""
    return read_axes(dataset.suffix.split("/")).filters(dataset.detector_config)


def _most(dataset: ProducedDataset, key: str, said: int | None, counted: int) -> int:
    return max(said or 0, counted, *(each.get(key) or 0 for each in dataset.rses), 0)
