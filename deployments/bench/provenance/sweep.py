"""Bench `sweep`: a campaign of 1e5 files swept, beside a `rucio did list` for each request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import select

from deployments.bench.common import usage
from deployments.bench.common.figures import Report, at_least, at_most, median
from deployments.bench.common.meanwhile import peak_of
from deployments.bench.common.requests import latest, run_seconds
from deployments.bench.common.stack import BenchBroken, BenchStack, bench_stack, say, until
from deployments.bench.provenance import comparison, markers, seeding
from deployments.bench.submission.chaos.victims import Victims
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.made_up import FILES, Campaign, given, made_up
from flows.common.database import transaction
from flows.common.models import Event, RequestState
from flows.common.sessions import members
from flows.provenance import messages

_ACTION: Final = "campaign_provenance_sweep"
_PATIENCE_SECONDS: Final = 300.0
_SAMPLE_SECONDS: Final = 0.05
_SHOWN: Final = 10
_SETTINGS: Final = {"PRODOPS_SANDBOX_GRID": "true"}


def run(*, listings: Sequence[Path] = (), requests_csv: Path | None = None) -> Report:
    """Measure; about 4 minutes by default, and half a minute for each listing.

    Args:
        listings: Further campaigns that are seeded, swept and compared.
        requests_csv: Further requests, which PCS imports for them.
    """
    report = Report("sweep")
    others = [given(path, requests_csv, most_files=FILES) for path in listings]
    with bench_stack(_SETTINGS) as running:
        bench = _Bench(running, report)
        bench.measure(made_up())
        for other in others:
            bench.compare(other)
    compared = list(dict.fromkeys(bench.compared))
    report.add("campaigns_compared", len(compared), remark=", ".join(compared))
    report.add("mismatches", len(bench.differences), at_most(0))
    for words in bench.differences[:_SHOWN]:
        report.note(f"  differs: {words}")
    report.note(
        "Compared: each dataset's RSE counts, completeness, length and size, and its files' names, "
        "sizes and checksums, with the listing; each request's finding with the hand script's "
        "patterns; the markers with what its processes of rucio said."
    )
    return report


class _Bench:
    """The measurement, on one stack; it adds its figures."""

    def __init__(self, running: BenchStack, report: Report) -> None:
        self.compared: list[str] = []
        self.differences: list[str] = []
        self._running = running
        self._report = report
        self._grid = Grid(running.stack.settings)
        self._victims = Victims(running)
        self._paths: list[str] = []

    # -------------------------------------------------------------- the made-up campaign

    def measure(self, campaign: Campaign) -> None:
        """Sweep the campaign, then look for its requests in the two other ways."""
        self._prepare(campaign)
        self._running.check_pipeline()
        self._running.wait_calm()
        with peak_of(self._run_mib, every_seconds=_SAMPLE_SECONDS) as memory:
            seconds, request_seconds = self._sweep(campaign.name)
        say(f"swept in {seconds:.2f} s, {memory.value:.0f} MiB")
        self._note_differences(campaign)
        again_seconds, _ = self._sweep(campaign.name)
        self._note_differences(campaign)
        report = self._report
        size = f"{len(campaign.paths)} requests, {len(campaign.datasets)} datasets"
        report.add("seconds", seconds, at_most(15), remark=f"the run; {size}")
        report.add("request_seconds", request_seconds, remark="from the POST to the event")
        report.add("again_seconds", again_seconds, remark="the run, where nothing has changed")
        report.add(
            "mib", memory.value, at_most(250), remark="peak resident, all of the run's session"
        )
        self._compare_markers(campaign)

    def _run_mib(self) -> float:
        """The largest resident set of a run under way, with all processes of its session."""
        runs = (members(run.pid) for run in self._victims.runs())
        return max((sum(map(usage.most_resident_of, pids)) for pids in runs), default=0.0)

    def _compare_markers(self, campaign: Campaign) -> None:
        """Find the markers alone, then by a process for each request."""
        self._running.wait_calm()
        found, (cold, *warm) = markers.alone(self._grid, campaign)
        place = self._running.stack.state_dir / "hand-script"
        each = markers.one_by_one(self._grid, campaign, place)
        wanted = markers.expected_markers(campaign.name, campaign.datasets, campaign.paths)
        self.differences += each.differences(found)
        self.differences += [f"{path}: the marker" for path in found ^ wanted]
        report, alone = self._report, median(warm)
        how = "measured" if len(each.asked) == each.paths else "extrapolated"
        report.add("speedup_over_one_process_per_request", each.seconds / alone, at_least(50))
        report.add("markers_s", alone, remark=f"n={len(warm)}, connection open")
        report.add("markers_cold_s", cold, remark="with connecting and signing in")
        report.add("processes_s", each.seconds, remark=f"of rucio did list, one by one; {how}")
        report.add("processes_measured", len(each.asked))

    # -------------------------------------------------------------- any campaign

    def compare(self, campaign: Campaign) -> None:
        """Sweep a campaign and compare what came of it."""
        self._prepare(campaign)
        seconds, _ = self._sweep(campaign.name)
        say(f"{campaign.name}: swept in {seconds:.2f} s")
        self._note_differences(campaign)

    def _prepare(self, campaign: Campaign) -> None:
        seeding.prepare(self._running, self._grid, campaign)
        self._paths = list(dict.fromkeys([*self._paths, *campaign.paths]))

    def _sweep(self, campaign: str) -> tuple[float, float]:
        """Ask for a sweep over REST; gives the seconds of its run, and those from the request on.

        Raises:
            BenchBroken: It failed.
        """
        engine, http = self._running.engine, self._running.http
        http.post(f"/pcs/api/campaigns/{campaign}/sweep/").raise_for_status()
        until(
            lambda: latest(engine, _ACTION, campaign).finished_at is not None,
            _PATIENCE_SECONDS,
            "the sweep",
        )
        request = latest(engine, _ACTION, campaign)
        if request.state != RequestState.COMPLETED:
            raise BenchBroken(f"the sweep of {campaign} {request.state}: {request.error}")
        closing = select(Event.at).where(
            Event.request_id == request.id, Event.msg_type == messages.SWEPT
        )
        with transaction(engine) as session:
            ended = session.scalars(closing).one()
        return run_seconds(request, ended), (ended - request.created_at).total_seconds()

    def _note_differences(self, campaign: Campaign) -> None:
        engine, name = self._running.engine, campaign.name
        wanted = markers.expected_markers(name, campaign.datasets, self._paths)
        found = comparison.of_datasets(engine, name, campaign.datasets)
        found += comparison.of_markers(engine, name, self._paths, wanted)
        self.differences += found
        self.compared.append(name)
        say(f"{name}: {len(wanted)} of {len(self._paths)} found, {len(found)} differences")
