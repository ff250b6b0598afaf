"""What changed between two completion reports, by requested path. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.provenance.models import Finding

_Path = Mapping[str, Any]


@dataclass(frozen=True)
class Changed:
    """The report that another is compared with."""

    id: int
    made_at: datetime
    body: Mapping[str, Any]


def changes(paths: Sequence[_Path], before: Changed | None) -> dict[str, Any]:
    """What changed since the report before; nothing at the first.

    What is unknown now is not lost, and what was unknown and is found is newly found.
    """
    was = {each["path"]: each for each in before.body["paths"]} if before is not None else {}
    new = {each["path"]: each for each in paths} if before is not None else {}
    both = [(was[path], each) for path, each in new.items() if path in was]

    def where(changed: Callable[[_Path, _Path], bool]) -> list[str]:
        return [new["path"] for old, new in both if changed(old, new)]

    return {
        "since_id": before.id if before is not None else None,
        "since": before.made_at.isoformat() if before is not None else None,
        "newly_found": where(lambda old, new: _is(new) and not _is(old)),
        "newly_complete": where(lambda old, new: new["is_complete"] and not old["is_complete"]),
        "lost": where(lambda old, new: _is(old) and new["finding"] == Finding.MISSING),
        "no_longer_complete": where(
            lambda old, new: old["is_complete"] and _is(new) and not new["is_complete"]
        ),
        "newly_requested": [path for path in new if path not in was],
        "no_longer_requested": [path for path in was if path not in new],
        "files": [
            {"path": new["path"], "before": old["files"], "after": new["files"]}
            for old, new in both
            if _is(old) and _is(new) and old["files"] != new["files"]
        ],
    }


def are_none(changed: Mapping[str, Any]) -> bool:
    """Whether nothing changed."""
    return not any(value for value in changed.values() if isinstance(value, list))


def _is(path: _Path) -> bool:
    return bool(path["finding"] == Finding.FOUND)
