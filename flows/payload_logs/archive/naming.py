"""Which name each member of an archive gets in the cache. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """A member under its base name; `part` is the file that its bytes were written to."""

    name: str
    path: str
    part: str


def without_repeats(found: Sequence[Found]) -> list[Found]:
    """The same, but of those with one name and one file, as a file and a link to it, the last."""
    kept: dict[tuple[str, str], Found] = {}
    for each in found:
        kept.pop((each.name, each.part), None)
        kept[each.name, each.part] = each
    return list(kept.values())


def named(found: Sequence[Found]) -> Iterator[tuple[Found, str]]:
    """Each with its name: of several the last gets their base name, the earlier ones are numbered.

    The original keeps the last, so that peers who read the cache find the same as before.
    """
    last = {each.name: each for each in found}
    taken, numbers = set(last), Counter[str]()
    for each in found:
        name = each.name
        while last[each.name] is not each and name in taken:
            numbers[each.name] += 1
            name = f"{each.name}.{numbers[each.name]}"
        taken.add(name)
        yield each, name
