"""What the doctor has found: as a table, as JSON, as an exit code. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from deployments.doctor.examination import Examined
from deployments.doctor.findings import Condition, Finding
from deployments.doctor.site import Side

FORMAT: Final = 1
"""Of the JSON; a later version of it may add keys to this one's."""
_ORDER: Final = list(Condition)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found at a time, on one side."""

    side: Side
    at: datetime
    version: str
    examined: Sequence[Examined]

    @property
    def counts(self) -> Counter[Condition]:
        """How many findings there are of each condition."""
        return Counter(each.condition for _, each in self._found())

    def exit_code(self, *, is_strict: bool) -> int:
        """0: all is well, or only warnings were found; 1: there are problems."""
        bad = self.counts[Condition.PROBLEM]
        return int(bool(bad or (is_strict and self.counts[Condition.WARNING])))

    def as_json(self) -> dict[str, Any]:
        """All of it, in a form that stays."""
        return {
            "format": FORMAT,
            "side": self.side.value,
            "at": self.at.isoformat(),
            "version": self.version,
            "counts": {each.value: self.counts[each] for each in Condition},
            "findings": [
                {
                    "check": made.check.name,
                    "about": each.about or None,
                    "condition": each.condition.value,
                    "text": each.text,
                    "advice": each.advice or None,
                    "seconds": round(made.seconds, 3),
                }
                for made, each in self.in_order()
            ],
        }

    def in_order(self) -> list[tuple[Examined, Finding]]:
        """What was found, the worst first, else in the order of the checks."""
        return sorted(self._found(), key=lambda pair: _ORDER.index(pair[1].condition))

    def rows(self) -> list[tuple[Condition, str, str]]:
        """Each finding in a line: its condition, what it is about, what was found."""
        return [(each.condition, _title(made, each), each.text) for made, each in self.in_order()]

    def advice(self) -> list[tuple[str, str]]:
        """What is to be done, each once, with what it is about."""
        about: dict[str, list[str]] = {}
        for made, each in self.in_order():
            if each.advice:
                about.setdefault(each.advice, []).append(_title(made, each))
        return [(", ".join(dict.fromkeys(names)), text) for text, names in about.items()]

    def summary(self) -> str:
        """All of it in a sentence."""
        numbers = ", ".join(f"{self.counts[each]} {each}" for each in Condition)
        return f"{self.side} side, {self.version}: {numbers}"

    def _found(self) -> Iterator[tuple[Examined, Finding]]:
        for made in self.examined:
            for each in made.findings:
                yield made, each


def _title(made: Examined, finding: Finding) -> str:
    return f"{made.check.name}: {finding.about}" if finding.about else made.check.name
