"""A completion report as Markdown, for the mail and for reading. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from flows.common.percent import in_words
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
_NOT_COMPLETE: Final = {"replicating": "available, replicating", "tape": "on tape only"}
_Row = Mapping[str, Any]


def text(body: _Row) -> str:
    """The report's Markdown: blocks, with an empty line behind each."""
    return "".join(f"{block}\n\n" for block in _blocks(body))


def headline(body: _Row) -> str:
    """The report in one line, as the mail's subject."""
    counts = body["counts"]
    numbers = (
        f"{counts['found']} of {counts['requested']} found, {counts['complete']} complete, "
        f"{counts.get('replicating', 0)} replicating, {counts.get('tape', 0)} on tape, "
        f"{counts['incomplete']} incomplete, {counts['missing']} missing"
    )
    unknown = f", {counts['unknown']} unknown" if counts["unknown"] else ""
    stale = "; NOT UP TO DATE" if body["evidence"]["warning"] else ""
    return f"Completion of campaign {body['campaign']}: {numbers}{unknown}{stale}"


def _blocks(body: _Row) -> Iterator[str]:
    yield f"# Completion of campaign {_cell(body['campaign'])}"
    yield from _evidence(body)
    yield _summary(body["counts"], body["percent"])
    yield from _changes(body["changes"])
    yield from _groups(body)
    yield from _incomplete(body["incomplete"])
    yield from _contradictory(body.get("contradictory", ()))
    yield from _unmatched(body["unmatched"])
    yield from _paths(body["paths"])


def _evidence(body: _Row) -> Iterator[str]:
    evidence = body["evidence"]
    if evidence["warning"]:
        error = f"\n> The error: {_cell(evidence['error'])}" if evidence["error"] else ""
        yield f"> **WARNING: {_cell(evidence['warning'])}**{error}"
    asked_at = evidence["checked_at"] or "no time yet"
    yield f"Made at {body['made_at']}; Rucio was asked at {asked_at}."


def _summary(counts: _Row, percent: _Row) -> str:
    rows = [
        ("Requested", counts["requested"], ""),
        ("Found", counts["found"], _percent(percent["found"])),
        ("Complete", counts["complete"], _percent(percent["complete"])),
        ("Replicating: all files at a disk", counts.get("replicating", 0), ""),
        ("On tape only", counts.get("tape", 0), ""),
        ("Incomplete", counts["incomplete"], ""),
        ("Missing", counts["missing"], ""),
        ("Unknown", counts["unknown"], ""),
        ("Datasets produced", counts["datasets"], ""),
        ("Datasets that nobody requested", counts["unmatched"], ""),
        ("Datasets whose counts contradict", counts.get("contradictory", 0), ""),
        ("Files on disk", f"{counts['files']}/{counts['total_files']}", _percent(percent["files"])),
        ("Size", _size(counts["size_bytes"]), ""),
    ]
    return _table(("", "Number", "Part"), rows)


def _changes(changed: _Row) -> Iterator[str]:
    if changed["since_id"] is None:
        yield "This is the first report of the campaign: there is nothing to compare it with."
        return
    yield f"## Since report {changed['since_id']} of {changed['since']}"
    if changes.are_none(changed):
        yield "Nothing changed."
    for name, title in _NAMED:
        if paths := changed[name]:
            yield f"**{title}** ({len(paths)}):"
            yield "\n".join(f"- {_code(path)}" for path in paths)
    if changed["files"]:
        yield "**Other numbers of files**:"
        rows = [(_code(each["path"]), each["before"], each["after"]) for each in changed["files"]]
        yield _table(("Path", "Before", "Now"), rows)


def _groups(body: _Row) -> Iterator[str]:
    names = ("detector_config", "stage", "paths", "datasets", "complete", "incomplete", "files")
    head = ("Configuration", "Stage", "Paths", "Datasets", "Complete", "Incomplete", "Files")
    rows = _sized(body["by_detector_config"], names)
    yield from _section("By detector configuration", (*head, "Size"), rows)
    names = ("rse", "stage", "datasets", "complete", "incomplete", "files", "total")
    head = ("RSE", "Stage", "Datasets", "Complete", "Incomplete", "Files", "Of")
    yield from _section("By RSE", (*head, "Size"), _sized(body["by_rse"], names))


def _sized(groups: Iterable[_Row], names: Sequence[str]) -> list[Sequence[Any]]:
    return [(*(each[name] for name in names), _size(each["size_bytes"])) for each in groups]


def _incomplete(datasets: Sequence[_Row]) -> Iterator[str]:
    rows = [
        (
            _code(each["did"]),
            ", ".join(_rse(replica) for replica in each["rses"]) or "no replicas",
            _marks(each),
            _code(each["path"]) if each["path"] else "nobody requested it",
        )
        for each in datasets
    ]
    title = f"Datasets that are not complete ({len(datasets)})"
    yield from _section(title, ("DID", "Files at", "", "Requested path"), rows)


def _marks(dataset: _Row) -> str:
    """What is to be known of a dataset that is not complete."""
    how = dataset.get("availability", "incomplete")
    return ", ".join(filter(None, (_NOT_COMPLETE.get(how, how), "open" * bool(dataset["is_open"]))))


def _contradictory(datasets: Sequence[_Row]) -> Iterator[str]:
    if datasets:
        rows = [(_code(each["did"]), "; ".join(each["contradictions"])) for each in datasets]
        title = f"Datasets whose counts at Rucio contradict each other ({len(datasets)})"
        yield from _section(title, ("DID", "What contradicts"), rows)


def _unmatched(datasets: Sequence[_Row]) -> Iterator[str]:
    rows = [
        (_code(each["did"]), each["files"], _size(each["size_bytes"]), ", ".join(each["rses"]))
        for each in datasets
    ]
    title = f"Datasets that nobody requested ({len(datasets)})"
    yield from _section(title, ("DID", "Files", "Size", "RSEs"), rows)


def _paths(paths: Sequence[_Row]) -> Iterator[str]:
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
    head = ("Path", "State", "Files", "Configuration", "Note")
    yield from _section(f"Requested paths ({len(paths)})", head, rows)


def _state(path: _Row) -> str:
    if path["is_complete"]:
        return "complete"
    how = path.get("availability") or "incomplete"
    return _NOT_COMPLETE.get(how, how) if path["dids"] else str(path["finding"])


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield f"## {title}"
    yield _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [[cell if _is_code(cell) else _cell(cell) for cell in row] for row in rows]
    return "\n".join([_line(head), "|" + "---|" * len(head), *map(_line, lines)])


def _line(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _cell(value: Any) -> str:
    """A text that stays in its cell of a table, and is no markup."""
    line = " ".join(str(value).split())
    for sign in "\\|`*_<>[]":
        line = line.replace(sign, f"\\{sign}")
    return line


def _code(value: str) -> str:
    return "`" + " ".join(value.split()).replace("`", "'").replace("|", "\\|") + "`"


def _is_code(cell: Any) -> bool:
    return isinstance(cell, str) and len(cell) > 1 and cell[0] == cell[-1] == "`"


def _rse(replica: _Row) -> str:
    return f"{replica['rse']} {replica['files']}/{replica['total']}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{in_words(value)} %"


def _size(size_bytes: int) -> str:
    value, unit = float(size_bytes), 0
    while value >= _KILO and unit + 1 < len(_UNITS):
        value, unit = value / _KILO, unit + 1
    return f"{value:.4g} {_UNITS[unit]}"
