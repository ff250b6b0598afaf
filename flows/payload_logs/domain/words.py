"""What is said of payload logs to people. Pure."""

from __future__ import annotations

from typing import Final

from flows.payload_logs.models import LocatedBy, PayloadLog

_MOST_OTHERS: Final = 20


def remarks_of(log: PayloadLog) -> list[str]:
    """What people should know of a log beside its members, a line each."""
    lines = []
    if log.located_by == LocatedBy.CALLER:
        lines.append(
            f"PanDA could not be asked which log it is: {log.lfn} was named by whoever asked"
        )
    lines += [
        f"{each['name']} is taken out of {each['path']}"
        for each in log.members
        if ".zip/" in (each.get("path") or "")
    ]
    lines += [f"{each['path']} {each['reason']}" for each in log.unshown if each["reason"]]
    others = [each for each in log.unshown if not each["reason"]]
    if names := [
        f"{each['path']} ({in_words(each['size_bytes'])})" for each in others[:_MOST_OTHERS]
    ]:
        more = log.unshown_count - len(log.unshown) + len(others) - len(names)
        lines.append(f"not shown: {', '.join(names + ([f'and {more} more'] if more > 0 else []))}")
    return lines


def in_words(size_bytes: int) -> str:
    """A size for people: 999 B, 12 kB, 1.5 MB, 12 MB, 1.2 GB."""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:  # noqa: PLR2004 - would be shown as 1000
            break
        size, unit = size / 1000, larger
    digits = 1 if size < 9.95 and unit != "B" else 0  # noqa: PLR2004
    return f"{size:.{digits}f} {unit}"
