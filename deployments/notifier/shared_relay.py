"""The relay that mail to users' own addresses goes through: one for all of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from blocks.back_off import BackOff

_FULL_SECONDS = 1.0


@dataclass
class SharedRelay:
    """Whether the relay is to be tried now; of the one thread that delivers to addresses.

    While it does not answer, it is asked with one mail at a time, whoever's is due.

    Attributes:
        longest_pause_seconds: The longest that it is left alone.
    """

    longest_pause_seconds: float
    _failures: int = 0
    _closed_until: float = -float("inf")
    _pauses: BackOff = field(init=False)

    def __post_init__(self) -> None:
        """Begin as one that answers."""
        self._pauses = BackOff(longest_seconds=self.longest_pause_seconds)

    def is_open(self) -> bool:
        """Whether a mail may be tried now."""
        return time.monotonic() >= self._closed_until

    def note_answered(self) -> None:
        """Note that it took a mail, or refused that one."""
        self._failures = 0

    def note_away(self) -> None:
        """Note that it did not answer, or not to the end: a pause follows."""
        self._failures += 1
        self._close(self._pauses.pause_seconds(self._failures))

    def note_full(self) -> None:
        """Note that it got as many mails as it may in this minute."""
        self._close(_FULL_SECONDS)

    def _close(self, seconds: float) -> None:
        self._closed_until = time.monotonic() + seconds
