"""Bench `sampling`: from an `stf_ready` to its TF files, alone, at 10 a second and at 200.

With `batch`, instead: as many as are sampled, from one message a call and from 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from deployments.bench.common import usage
from deployments.bench.common.figures import Report, at_least, at_most, median, percentile
from deployments.bench.common.stack import BenchBroken, BenchStack, bench_stack, say
from deployments.bench.fastmon.load import TFS_PER_STF, LoadProcess

_SECONDS: Final = 60.0
_LONE: Final = 12
_STEADY_RATE: Final = 10.0
_STEADY_SECONDS: Final = 20.0
_OFFERED_RATE: Final = 220.0
_CLIENTS: Final = 10
_PATIENCE_SECONDS: Final = 120.0
_FIRST_RUN: Final = 900_001
_IN_A_CALL: Final = 200
_ROUNDS: Final = 3
_BATCHED_RATE: Final = 600.0  # about what is sampled on average of both
_AT_ONCE: Final = 1e6
_TF_ROWS: Final = """
    SELECT count(*) FROM swf_fastmon_files AS tf
    JOIN swf_stf_files AS stf ON stf.file_id = tf.stf_file_id
    JOIN swf_runs AS run ON run.run_id = stf.run_id
    WHERE run.run_number = :run
"""
_OVERRIDES: Final = {
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1",
    "PRODOPS_FASTMON_TF_FILES_PER_STF": str(TFS_PER_STF),
    # so that a lone message soon finds nothing running
    "PRODOPS_FASTMON_IDLE_SECONDS": "1",
}
_BATCH_OVERRIDES: Final = _OVERRIDES | {"PRODOPS_FASTMON_IDLE_SECONDS": "60"}


def run(*, seconds: float = _SECONDS, batch: bool = False) -> Report:
    """Measure; about 3 minutes by default."""
    if batch:
        return _run_batches(seconds)
    report = Report("sampling")
    with bench_stack(_OVERRIDES) as running, LoadProcess.started() as load:
        bench = _Bench(running, load)
        alone = bench.lone(_LONE)
        steady = bench.play(_STEADY_RATE, min(_STEADY_SECONDS, seconds), clients=1)
        full = bench.full(seconds, report)
    report.add("stf_per_s", full["stf_per_s"], at_least(200), remark=full["remark"])
    report.add("tf_per_s", full["stf_per_s"] * TFS_PER_STF, at_least(1400))
    count = f"at {_STEADY_RATE:g} STF/s, n={len(steady['delays'])}"
    report.add("message_to_client_median_s", median(steady["delays"]), at_most(0.15), remark=count)
    report.add("message_to_client_p99_s", percentile(steady["delays"], 99), at_most(1.0))
    report.add_median("lone_message_median_s", alone, at_most(0.7))
    report.add("clients", _CLIENTS)
    for name in ("lost", "doubled", "disordered"):
        report.add(name, full["compared"][name], at_most(0))
    report.add("missing_tf_rows", full["missing_tf_rows"], at_most(0))
    return report


def _run_batches(seconds: float) -> Report:
    """Measure in turn what is sampled of as many STFs, one in a call and many."""
    report = Report("sampling")
    stfs = round(_BATCHED_RATE * seconds / (2 * _ROUNDS))
    rates: dict[int, list[float]] = {1: [], _IN_A_CALL: []}
    with bench_stack(_BATCH_OVERRIDES) as running, LoadProcess.started() as load:
        bench = _Bench(running, load)
        load.connect(running, 1)
        bench.flood(_IN_A_CALL, batch=_IN_A_CALL)  # the sampling run has begun
        for _ in range(_ROUNDS):
            for batch, found in rates.items():
                rate, cpu = bench.flood(stfs, batch=batch)
                found.append(rate)
                say(f"{batch} in a call: {rate:.0f} STF/s")
                table = usage.table(cpu, stfs / rate)
                report.notes[batch != 1 :] = [
                    f"CPU at {rate:.0f} STF/s, {batch} in a call:\n{table}"
                ]
    single, many = rates[1], rates[_IN_A_CALL]
    times = [two / one for one, two in zip(single, many, strict=True)]
    report.add("batch_stf_per_s", median(many), at_least(800), remark=_in_turn(many))
    report.add("single_stf_per_s", median(single), remark=_in_turn(single))
    report.add("times_single", median(times), at_least(1.8))
    return report


def _in_turn(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)


class _Bench:
    """The three measurements, on one stack."""

    def __init__(self, running: BenchStack, load: LoadProcess) -> None:
        self._played = running
        self._load = load
        self._run = _FIRST_RUN

    def lone(self, number: int) -> list[float]:
        """Each message alone: no request is open before it, and nothing runs."""
        self._load.connect(self._played, 1)
        delays = []
        for index in range(number):
            self._played.wait_calm(1.0)
            delays += self._order(1, rate=1.0)["delays"]
            say(f"lone message {index + 1} of {number}: {delays[-1]:.3f} s")
        return delays

    def play(self, rate: float, seconds: float, *, clients: int) -> dict[str, Any]:
        """Messages at a rate, with clients that follow."""
        self._played.wait_calm(1.0)
        self._load.connect(self._played, clients)
        say(f"{rate:g} STF/s for {seconds:g} s, with {clients} clients")
        return self._order(round(rate * seconds), rate=rate)

    def full(self, seconds: float, report: Report) -> dict[str, Any]:
        """The sustained rate, with everything that must hold under it; the report gets notes."""
        running, stfs = self._played, round(_OFFERED_RATE * seconds)
        running.wait_calm(1.0)
        before = running.last_event_id()
        cpu = self._cpu()
        found = self.play(_OFFERED_RATE, seconds, clients=_CLIENTS)
        taken_s = found["last_arrival"] - found["first_sent"]
        cpu_used = usage.growth(cpu, self._cpu())
        say("comparing what each client got with the event table")
        ids = running.event_ids(before)
        compared = self._load.ask("compare", after=before, ids=ids)
        rows = running.count(_TF_ROWS, run=self._run)
        report.note(_under_load(found, compared))
        report.note(f"CPU during the {taken_s:.0f} s at {_OFFERED_RATE:g} STF/s offered:")
        report.note(usage.table(cpu_used, taken_s))
        return {
            "stf_per_s": len(found["delays"]) / taken_s,
            "remark": f"{len(found['delays'])} of {stfs} STFs in {taken_s:.1f} s",
            "compared": compared,
            "missing_tf_rows": stfs * TFS_PER_STF - rows,
        }

    def flood(self, stfs: int, *, batch: int) -> tuple[float, dict[str, float]]:
        """As many STFs at once, so many in a call; gives how many a second, and the CPU used."""
        cpu = self._cpu()
        found = self._order(stfs, rate=_AT_ONCE, batch=batch)
        rate = stfs / (found["last_arrival"] - found["first_sent"])
        return rate, usage.growth(cpu, self._cpu())

    def _order(self, stfs: int, *, rate: float, batch: int = 1) -> dict[str, Any]:
        self._run += 1
        found = self._load.ask(
            "play",
            seconds=stfs / rate + 2 * _PATIENCE_SECONDS,
            run=self._run,
            stfs=stfs,
            rate=rate,
            patience=_PATIENCE_SECONDS,
            batch=batch,
        )
        if len(found["delays"]) < stfs:
            raise BenchBroken(f"TFs of {stfs - len(found['delays'])} STFs never arrived")
        return found

    def _cpu(self) -> dict[str, float]:
        stack = self._played.stack
        used = usage.cpu_seconds(stack.pid("supervisord"), self._played.parts, "supervisord")
        return used | usage.cpu_seconds(self._load.pid, {}, "the bench's load")


def _under_load(found: dict[str, Any], compared: dict[str, int]) -> str:
    delays, answers = found["delays"], found["answers"]
    return (
        f"Under full load: message to client median {median(delays):.3f} s, "
        f"p99 {percentile(delays, 99):.3f} s, longest {max(delays):.3f} s; "
        f"answer median {median(answers) * 1000:.0f} ms, "
        f"p99 {percentile(answers, 99) * 1000:.0f} ms; sending took {found['sending_s']:.1f} s, "
        f"at most {found['behind_s']:.2f} s behind; "
        f"{compared['interruptions']} clients cut off, {compared['unknown']} unknown ids."
    )
