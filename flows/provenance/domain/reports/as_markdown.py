"""A completion report as Markdown, for the mail and for reading. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from flows.provenance.domain.reports import changes

_KILO: Final = 1000
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_NAMED: Final = (
    ("lost", "No longer there"),
    ("no_longer_complete", "No longer complete"),
    ("newly_found", "Newly found"),
    ("newly_complete", "Newly complete"),
    ("newly_requested", "Newly requested"),
    ("no_longer_requested", "No longer requested"),
)
_Row = Mapping[str, Any]


def text(body: _Row) -> str:
    """The report's Markdown."""
    return "\n".join(_lines(body)) + "\n"


def headline(body: _Row) -> str:
    """The report in one line, as the mail's subject."""
    counts = body["counts"]
    told = (
        f"{counts['found']} of {counts['requested']} found, {counts['complete']} complete, "
        f"{counts['incomplete']} incomplete, {counts['missing']} missing"
    )
    unknown = f", {counts['unknown']} unknown" if counts["unknown"] else ""
    stale = "; NOT UP TO DATE" if body["evidence"]["warning"] else ""
    return f"Completion of campaign {body['campaign']}: {told}{unknown}{stale}"


def _lines(body: _Row) -> Iterator[str]:
    yield f"# Completion of campaign {_cell(body['campaign'])}"
    yield ""
    yield from _evidence(body)
    yield from _summary(body)
    yield from _changes(body["changes"])
    yield from _places(body)
    yield from _incomplete(body["incomplete"])
    yield from _unmatched(body["unmatched"])
    yield from _paths(body["paths"])


def _evidence(body: _Row) -> Iterator[str]:
    told = body["evidence"]
    if told["warning"]:
        yield f"> **WARNING: {_cell(told['warning'])}**"
        if told["error"]:
            yield f"> The error: {_cell(told['error'])}"
        yield ""
    yield f"Made at {body['made_at']}; Rucio was asked at {told['checked_at'] or 'no time yet'}."
    yield ""


def _summary(body: _Row) -> Iterator[str]:
    counts, percent = body["counts"], body["percent"]
    rows = [
        ("Requested", counts["requested"], ""),
        ("Found", counts["found"], _percent(percent["found"])),
        ("Complete", counts["complete"], _percent(percent["complete"])),
        ("Incomplete", counts["incomplete"], ""),
        ("Missing", counts["missing"], ""),
        ("Unknown", counts["unknown"], ""),
        ("Datasets produced", counts["datasets"], ""),
        ("Datasets that nobody requested", counts["unmatched"], ""),
        ("Files", f"{counts['files']}/{counts['total_files']}", _percent(percent["files"])),
        ("Size", _size(counts["size_bytes"]), ""),
    ]
    yield from _table(("", "Number", "Part"), rows)


def _changes(told: _Row) -> Iterator[str]:
    if told["since_id"] is None:
        yield "This is the first report of the campaign: there is nothing to compare it with."
        yield ""
        return
    yield f"## Since report {told['since_id']} of {told['since']}"
    yield ""
    if changes.are_none(told):
        yield "Nothing changed."
        yield ""
    for name, title in _NAMED:
        if told[name]:
            yield f"**{title}** ({len(told[name])}):"
            yield ""
            yield from (f"- {_code(path)}" for path in told[name])
            yield ""
    if told["files"]:
        yield "**Other numbers of files**:"
        yield ""
        rows = [(_code(each["path"]), each["before"], each["after"]) for each in told["files"]]
        yield from _table(("Path", "Before", "Now"), rows)


def _places(body: _Row) -> Iterator[str]:
    yield "## By detector configuration"
    yield ""
    names = ("detector_config", "stage", "paths", "datasets", "complete", "incomplete", "files")
    rows = [
        (*(each[name] for name in names), _size(each["size_bytes"]))
        for each in body["by_detector_config"]
    ]
    head = ("Configuration", "Stage", "Paths", "Datasets", "Complete", "Incomplete", "Files")
    yield from _table((*head, "Size"), rows)
    yield "## By RSE"
    yield ""
    names = ("rse", "stage", "datasets", "complete", "incomplete", "files", "total")
    rows = [(*(each[name] for name in names), _size(each["size_bytes"])) for each in body["by_rse"]]
    head = ("RSE", "Stage", "Datasets", "Complete", "Incomplete", "Files", "Of")
    yield from _table((*head, "Size"), rows)


def _incomplete(datasets: Sequence[_Row]) -> Iterator[str]:
    yield f"## Incomplete datasets ({len(datasets)})"
    yield ""
    rows = [
        (
            _code(each["did"]),
            ", ".join(_rse(place) for place in each["rses"]) or "no replicas",
            "open" if each["is_open"] else "",
            _code(each["path"]) if each["path"] else "nobody requested it",
        )
        for each in datasets
    ]
    yield from _table(("DID", "Files at", "", "Requested path"), rows)


def _unmatched(datasets: Sequence[_Row]) -> Iterator[str]:
    yield f"## Datasets that nobody requested ({len(datasets)})"
    yield ""
    rows = [
        (_code(each["did"]), each["files"], _size(each["size_bytes"]), ", ".join(each["rses"]))
        for each in datasets
    ]
    yield from _table(("DID", "Files", "Size", "RSEs"), rows)


def _paths(paths: Sequence[_Row]) -> Iterator[str]:
    yield f"## Requested paths ({len(paths)})"
    yield ""
    rows = [
        (
            _code(each["path"]),
            _state(each),
            f"{each['files']}/{each['total_files']}" if each["dids"] else "",
            ", ".join(each["detector_configs"]),
            ", ".join(rule for rule in each["rules"] if rule != "exact") or each["reason"] or "",
        )
        for each in paths
    ]
    yield from _table(("Path", "State", "Files", "Configuration", "Note"), rows)


def _state(path: _Row) -> str:
    if path["is_complete"]:
        return "complete"
    return "incomplete" if path["dids"] else str(path["finding"])


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield _line(head)
    yield "|" + "---|" * len(head)
    for row in rows:
        yield _line([cell if _is_code(cell) else _cell(cell) for cell in row])
    yield ""


def _line(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _cell(value: Any) -> str:
    """A text that keeps its place in a table, and is no markup."""
    line = " ".join(str(value).split())
    for sign in "\\|`*_<>[]":
        line = line.replace(sign, f"\\{sign}")
    return line


def _code(value: str) -> str:
    return "`" + " ".join(value.split()).replace("`", "'").replace("|", "\\|") + "`"


def _is_code(cell: Any) -> bool:
    return isinstance(cell, str) and len(cell) > 1 and cell[0] == cell[-1] == "`"


def _rse(place: _Row) -> str:
    return f"{place['rse']} {place['files']}/{place['total']}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value} %"


def _size(size_bytes: int) -> str:
    value, unit = float(size_bytes), 0
    while value >= _KILO and unit + 1 < len(_UNITS):
        value, unit = value / _KILO, unit + 1
    return f"{value:.4g} {_UNITS[unit]}"
