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
_DAY_RUN_STFS: Final = 36


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
        """Those of a database that is new: as many runs, and as much as a page or two can show."""
        tfs = cls().runs * _DAY_RUN_STFS * TFS_AN_STF
        return cls(events=2 * tfs, tfs=tfs, requests=1000, logs=1000, run_stfs=_DAY_RUN_STFS)

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
        return self.requests // 100
