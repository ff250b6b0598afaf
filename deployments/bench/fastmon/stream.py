"""Bench `stream`: a thousand clients of one API process, ten events a second, reconnect storms."""

from __future__ import annotations

import itertools
import time
from typing import Final

from sqlalchemy import Engine

from deployments.bench.common import usage
from deployments.bench.common.figures import Report, at_least, at_most
from deployments.bench.common.meanwhile import meanwhile, peak_of
from deployments.bench.common.stack import BenchBroken, BenchStack, bench_stack, say
from deployments.bench.fastmon.load import LoadProcess
from flows.common import events
from flows.common.database import transaction

_SECONDS: Final = 30.0
_CLIENTS: Final = 1000
_STORMS: Final = 5
_RATE: Final = 10.0
_PAYLOAD_BYTES: Final = 450
_STORM_SECONDS: Final = 60.0
_BETWEEN_SECONDS: Final = 3.0
_SETTLE_SECONDS: Final = 2.0
_SAMPLE_SECONDS: Final = 0.5


def run(*, seconds: float = _SECONDS) -> Report:
    """Measure; about 2 minutes by default."""
    report = Report("stream")
    with bench_stack() as running, LoadProcess.started() as load:
        running.wait_calm()
        api = running.stack.pid("api")
        with peak_of(lambda: usage.pss_of(api), every_seconds=_SAMPLE_SECONDS) as mib:
            cpu_cores = _measure(report, running, load, seconds)
    report.add("api_mib", mib.value, at_most(300))
    report.add("api_cpu_cores", cpu_cores, remark="in the steady phase")
    return report


def _measure(report: Report, running: BenchStack, load: LoadProcess, seconds: float) -> float:
    """Serve, and break the connections; gives the cores that the API uses while it only serves."""
    before = running.last_event_id()
    took = load.connect(running, _CLIENTS)
    say(f"{_CLIENTS} clients connected in {took:.1f} s; {_RATE:g} events/s for {seconds:g} s")
    began, numbers = time.monotonic(), itertools.count(1)
    with meanwhile(lambda: _write(running.engine, next(numbers), began), every_seconds=0):
        time.sleep(_SETTLE_SECONDS)
        load.ask("time", is_timed=True)
        used = _api_cpu(running)
        time.sleep(seconds)
        used = (_api_cpu(running) - used) / seconds
        delays = load.ask("time", is_timed=False)
        recoveries = []
        for number in range(_STORMS):
            recoveries.append(load.ask("storm", patience=_STORM_SECONDS)["recovery_s"])
            say(f"storm {number + 1} of {_STORMS}: all have news after {recoveries[-1]:.2f} s")
            time.sleep(_BETWEEN_SECONDS)
    ids = running.event_ids(before)
    say(f"comparing the {len(ids)} ids of the table with what each client got")
    compared = load.ask("compare", after=before, ids=ids)
    report.add("clients", _CLIENTS, at_least(_CLIENTS))
    report.add("lost", compared["lost"], at_most(0), remark="steady phase and storms, all clients")
    report.add("doubled", compared["doubled"], at_most(0))
    report.add("disordered", compared["disordered"], at_most(0))
    report.add("p50_s", delays["p50"], remark=f"{delays['deliveries']} deliveries")
    report.add("p99_s", delays["p99"], at_most(0.4))
    report.add("max_s", delays["max"])
    report.add("storm_recovery_max_s", max(recoveries), remark=_listed(recoveries))
    report.note(
        f"{compared['interruptions']} clients were cut off by the API, "
        f"{compared['refusals']} connections refused, {compared['unknown']} unknown ids."
    )
    return used


def _write(engine: Engine, number: int, began: float) -> None:
    """Write an event when it is due, stamped just before its commit."""
    due = began + (number - 1) / _RATE
    time.sleep(max(0.0, due - time.monotonic()))
    body = {"msg_type": "bench", "namespace": "bench", "number": number, "stamp": time.time()}
    event = events.message_event(body)
    padding = "x" * max(0, _PAYLOAD_BYTES - len(event.payload))
    try:
        with transaction(engine) as session:
            events.commit(session, [events.message_event({**body, "padding": padding})])
    except Exception as error:
        raise BenchBroken(f"events could not be written: {error}") from error


def _api_cpu(running: BenchStack) -> float:
    return usage.cpu_seconds(running.stack.pid("api"), {}, "api")["api"]


def _listed(seconds: list[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in seconds)
