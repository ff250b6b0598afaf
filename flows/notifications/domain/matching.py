"""Which rules a happening matches. A rule costs nothing where its name is another's."""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flows.notifications.domain.happenings import Happening
from flows.notifications.domain.words import Outcome, What


@dataclass(frozen=True, kw_only=True)
class RuleFacts:
    """A rule that is in force; an empty condition matches everything."""

    id: int
    author: str
    channel_id: int | None
    what: What
    name: str = ""
    outcome: Outcome | None = None
    requester: str = ""
    owner: str = ""
    campaign: str = ""
    subject: str = ""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Of a glob, only * and ? are meant: [ stands for itself.
        return re.compile(fnmatch.translate(self.subject.replace("[", "[[]")))

    @property
    def is_own(self) -> bool:
        """Whether it is on what is its author's own, as the database sees it (migration 0019)."""
        return self.what is not What.ALARM and self.author in {self.owner, self.requester}

    def matches(self, happening: Happening) -> bool:
        """Whether its conditions hold; its name is looked at by `Rules`."""
        if happening.only_rule not in {None, self.id}:
            return False
        if self.outcome is not None and self.outcome is not happening.outcome:
            return False
        wanted = (
            (self.requester, happening.requester),
            (self.owner, happening.owner),
            (self.campaign, happening.campaign),
        )
        if any(value and value != found for value, found in wanted):
            return False
        return not self.subject or self._pattern.match(happening.subject) is not None


@dataclass
class Rules:
    """Rules, found by what they are about."""

    rules: Sequence[RuleFacts]
    _by_name: dict[tuple[What, str], list[RuleFacts]] = field(init=False)
    _by_id: dict[int, RuleFacts] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = defaultdict(list)
        for each in self.rules:
            self._by_name[each.what, each.name].append(each)
        self._by_id = {each.id: each for each in self.rules}

    def matching(self, happening: Happening) -> Iterator[RuleFacts]:
        """The rules that a happening matches."""
        for what, name in happening.names:
            for wanted in ((what, name), (what, "")):
                for each in self._by_name.get(wanted, ()):
                    if each.matches(happening):
                        yield each
        yield from (self._by_id[each] for each in happening.also_rules if each in self._by_id)
