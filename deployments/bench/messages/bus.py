"""Bench `bus`: messages of the topic into rows, events to the topic, pings, and under kills."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from typing import Any, Final

from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.frames import Subscription
from deployments.bench.common.figures import Report, at_least, at_most, median, percentile
from deployments.bench.common.stack import BenchStack, bench_stack, say, until
from deployments.bench.messages.peers import Ear, access_of, pinging, send_surely
from flows.common import events
from flows.common.database import transaction

_STFS: Final = 2000
_MESSAGES: Final = 10_000
_EVENTS: Final = 100
_TFS: Final = 7
_RUN: Final = 910_001
_NAMESPACE: Final = "bench"
_PATIENCE_SECONDS: Final = 180.0
_OVERRIDES: Final = {
    "PRODOPS_SANDBOX_BROKER": "true",
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1",
    "PRODOPS_FASTMON_TF_FILES_PER_STF": str(_TFS),
}
_TAKEN: Final = "SELECT count(*) FROM event WHERE msg_type = :kind AND run_id = :run"
_SAMPLED: Final = """
    SELECT count(*) FROM fastmon_inbox WHERE run_number = :run AND state = 'sampled'
"""
_TF_COUNTS: Final = """
    SELECT count(tf.tf_file_id) FROM swf_stf_files AS stf
    JOIN swf_runs AS run ON run.run_id = stf.run_id
    LEFT JOIN swf_fastmon_files AS tf ON tf.stf_file_id = stf.file_id
    WHERE run.run_number = :run GROUP BY stf.file_id
"""
_ANNOUNCED: Final = """
    SELECT payload ->> 'stf_filename' FROM event
    WHERE msg_type = 'tf_file_registered' AND run_id = :run
"""


def run(*, stfs: int = _STFS, messages: int = _MESSAGES) -> Report:
    """Measure; about 2 minutes by default."""
    report = Report("bus")
    with bench_stack(_OVERRIDES) as running:
        bench = _Bench(running)
        bench.rate(messages, report)
        bench.out(_EVENTS, report)
        bench.under_kills(stfs, report)
    report.note(
        "Sent as the testbed sends, but persistent and confirmed, and sent again where the broker "
        "did not confirm; the worker samples every STF."
    )
    return report


class _Bench:
    """The three measurements, on one stack."""

    def __init__(self, running: BenchStack) -> None:
        self._running = running
        self._bus = running.stack.settings.bus
        self._access = access_of(running.stack.settings)

    def rate(self, messages: int, report: Report) -> None:
        """From the topic to committed rows, with pings meanwhile."""
        say(f"{messages} messages to the topic, with pings meanwhile")
        bodies = [_body("stf_gen", number, _RUN) for number in range(messages)]
        with pinging(self._access, self._bus.ops_queue) as answers:
            began = time.monotonic()
            send_surely(self._access, self._bus.topic, bodies)
            self._until_taken("stf_gen", _RUN, messages)
            seconds = time.monotonic() - began
        remark = f"{messages} in {seconds:.1f} s"
        report.add("messages_per_s", messages / seconds, at_least(500), remark=remark)
        report.add("ping_p99_s", percentile(answers, 99), at_most(1), remark=f"n={len(answers)}")

    def out(self, number: int, report: Report) -> None:
        """From an event's commit to the topic."""
        say(f"{number} events to the topic, one by one")
        ear, delays = Ear(), []
        with BrokerConnection(self._access, ear) as connection:
            connection.subscribe(Subscription(destination=self._bus.topic))
            for index in range(number):
                with transaction(self._running.engine) as session:
                    body = {"msg_type": "bench_event", "sender": "bench", "number": index}
                    events.commit(session, [events.message_event(body)])
                committed_at = time.monotonic()
                delays.append(ear.next(_PATIENCE_SECONDS)[0] - committed_at)
        report.add(
            "event_to_topic_median_s",
            median(delays),
            at_most(0.05),
            remark=f"n={number}, p99 {percentile(delays, 99):.3f} s",
        )

    def under_kills(self, stfs: int, report: Report) -> None:
        """A burst while the bridge is killed three times, and the broker once."""
        number = _RUN + 1
        say(f"{stfs} STFs in a burst, under kills")
        bodies = [_body("stf_ready", each, number) for each in range(stfs)]
        killer = threading.Thread(target=self._kill, args=(number, stfs), name="killer")
        killer.start()
        again = send_surely(self._access, self._bus.topic, bodies)
        killer.join()
        until(
            lambda: self._running.count(_SAMPLED, run=number) >= stfs,
            _PATIENCE_SECONDS,
            f"{stfs} STFs are sampled",
        )
        self._running.wait_calm()
        self._compare(number, stfs, again, report)

    def _kill(self, run_number: int, stfs: int) -> None:
        """Kill in the middle of what is taken: each time when some more are."""
        victims = ("bridge", "broker", "bridge", "bridge")
        for index, part in enumerate(victims, start=1):
            share = stfs * index // (len(victims) + 2)
            self._until_taken("stf_ready", run_number, share)
            pid = self._running.stack.pid(part)
            os.kill(pid, signal.SIGKILL)
            taken = self._taken("stf_ready", run_number)
            say(f"killed the {part} ({pid}) when {taken} of {stfs} were taken")

    def _compare(self, run_number: int, stfs: int, again: int, report: Report) -> None:
        tfs = Counter(self._running.values(_TF_COUNTS, run=run_number))
        announced = Counter(self._running.values(_ANNOUNCED, run=str(run_number)))
        doubled = sum(count > _TFS for count in announced.values())
        lost = stfs - sum(count >= _TFS for count in announced.values())
        remark = f"{again} messages were sent again"
        report.add("sampled_once", tfs[_TFS] - doubled, at_least(stfs), remark=remark)
        report.add("lost", lost, at_most(0))
        report.add("doubled", doubled, at_most(0))

    def _until_taken(self, kind: str, run_number: int, number: int) -> None:
        until(
            lambda: self._taken(kind, run_number) >= number,
            _PATIENCE_SECONDS,
            f"{number} messages {kind} are taken",
        )

    def _taken(self, kind: str, run_number: int) -> int:
        return self._running.count(_TAKEN, kind=kind, run=str(run_number))


def _body(kind: str, number: int, run_number: int) -> dict[str, Any]:
    """A message in the form of the testbed's data agent."""
    return {
        "msg_type": kind,
        "namespace": _NAMESPACE,
        "filename": f"swf.{run_number}.{number:06d}.stf",
        "run_id": str(run_number),
        "size_bytes": 1 << 20,
        "tf_count": 1000,
        "state": "run",
        "substate": "physics",
        "sequence": number + 1,
        "processed_by": "data-agent-bench-1",
        "sender": "data-agent-bench-1",
    }
