"""How many rows a database holds that has run for long: what the shipped defaults keep of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STFS_A_SECOND: Final = 10
TFS_AN_STF: Final = 7
REQUESTS_A_DAY: Final = 1000
RUN_STFS: Final = 36_000  # an hour of data taking
EVENTS_AN_STF: Final = 1 + TFS_AN_STF  # its `stf_ready`, and `tf_file_registered` of each TF
DAY_SECONDS: Final = 86_400
FAILED_EVERY: Final = 40
ERROR_EVERY: Final = 50
_PAGE: Final = 101
"""Rows of the longest list that is opened, and one that says that there are more."""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """Numbers of rows; what is not given follows from what is."""

    events: int = 10_000_000
    tfs: int = 10_000_000
    requests: int = 1_000_000
    logs: int = 1_000_000
    run_stfs: int = RUN_STFS

    @classmethod
    def of_a_day(cls) -> Amounts:
        """Those of a database that is new: what a page of each list shows, filtered or not.

        It has as many runs, since a page lists them all, and a page of files in each.
        """
        tfs = cls().runs * _PAGE * TFS_AN_STF
        return cls(
            events=2 * tfs,
            tfs=tfs,
            requests=FAILED_EVERY * _PAGE,
            logs=ERROR_EVERY * _PAGE,
            run_stfs=_PAGE,
        )

    @classmethod
    def scaled(cls, scale: float) -> Amounts:
        """So many times what the defaults keep."""
        full = cls()
        return cls(
            events=int(full.events * scale),
            tfs=int(full.tfs * scale),
            requests=int(full.requests * scale),
            logs=int(full.logs * scale),
        )

    @property
    def stfs(self) -> int:
        """The STFs of the TFs."""
        return self.tfs // TFS_AN_STF

    @property
    def stfs_with_events(self) -> int:
        """The newest STFs, whose events are still kept."""
        return min(self.stfs, self.events // EVENTS_AN_STF)

    @property
    def runs(self) -> int:
        """The data-taking runs of the STFs."""
        return -(-self.stfs // self.run_stfs)

    @property
    def submissions(self) -> int:
        """The requests that were submissions."""
        return self.requests // 20

    @property
    def payload_logs(self) -> int:
        """The jobs whose logs somebody wanted."""
        return self.requests // 5

    @property
    def notifications(self) -> int:
        """The messages to people."""
        return self.requests // 10

    @property
    def executions(self) -> int:
        """The executions of workflows."""
        return max(self.requests // 100, _PAGE)
