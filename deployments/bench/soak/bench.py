"""Bench `soak`: a mixed load for long; nothing is lost, nothing fails, and no part grows."""

from __future__ import annotations

import math
import os
import time
from contextlib import ExitStack
from typing import Final

from deployments.bench.common.figures import Report
from deployments.bench.common.stack import BenchStack, bench_stack, comes_true, say
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.outage import load
from deployments.bench.outage.evidence import Place, of_clients
from deployments.bench.outage.load import Load, Series
from deployments.bench.soak import latency, quiet
from deployments.bench.soak.clients import Agents, asking_assistant, working_agents
from deployments.bench.soak.cpu import Cpu, Used
from deployments.bench.soak.following import Ends, Lags, Minutes
from deployments.bench.soak.found import Loaded, breaches_of, of_callers, of_parts
from deployments.bench.soak.kinds import RARE, Kind, Trigger
from deployments.bench.soak.memory import Looks, Watcher
from deployments.bench.soak.others import Others
from deployments.bench.soak.report import fill
from deployments.bench.soak.world import NAMESPACE, SETTINGS, World
from flows.common.models import OPEN

MINUTES: Final = 30.0
CLIENTS: Final = 200
AGENTS: Final = 5
STFS_A_SECOND: Final = 10.0
_RARE_SECONDS: Final = 300.0
_QUIET_SHARE: Final = 10
_LEAST_QUIET_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 5.0
_MINUTE: Final = 60.0
_LEAST_LINES: Final = 6
_FIRST_BEATS_SECONDS: Final = 10.0  # by then every agent has a row
_RUN: Final = 940_200
_LEAST_DRAIN_SECONDS: Final = 900.0
_DRAIN_TIMES: Final = 2
"""Where the stack does not keep up, what is open when the load ends takes long."""
_COMPARE_SECONDS: Final = 600.0
_NEWEST_REQUEST: Final = "SELECT coalesce(max(id), 0) FROM request"
_LATE_CANARIES: Final = """
    SELECT count(*) FROM request
    WHERE id > :after AND action = 'run_canary' AND state = 'failed'
"""
_OPEN: Final = "SELECT count(*) FROM request WHERE state = ANY(:states)"


def run(*, minutes: float = MINUTES, clients: int = CLIENTS, agents: int = AGENTS) -> Report:
    """Measure for so many minutes, and then a quiet run for a tenth of that.

    Args:
        minutes: Length of the load.
        clients: Clients of the live stream.
        agents: Original agents.
    """
    report = Report("soak")
    seconds = minutes * _MINUTE
    with ExitStack() as opened:
        running = opened.enter_context(bench_stack(SETTINGS))
        process = opened.enter_context(LoadProcess.started())
        say("preparing a campaign, live tasks and logs")
        world = World(running)
        say(f"connecting {clients} clients")
        process.connect(running, clients)
        loaded = _Soak(running, process, world, seconds).play(agents)
        # On the rows that the load has left, so that what is compared differs by the load alone.
        calm = quiet.measure(
            running, process, world, max(_LEAST_QUIET_SECONDS, seconds / _QUIET_SHARE)
        )
    fill(report, calm, loaded, clients=clients, minutes=minutes)
    return report


class _Soak:
    """The load, on one stack."""

    def __init__(
        self, running: BenchStack, process: LoadProcess, world: World, seconds: float
    ) -> None:
        self._running = running
        self._process = process
        self._seconds = seconds
        say(f"making what is asked for in {seconds:g} s")
        self._mixed = world.triggers(math.ceil(seconds))
        self._rare = world.rare(math.ceil(seconds / _RARE_SECONDS))
        self._stfs = world.stfs(_RUN, math.ceil(seconds * STFS_A_SECOND))
        self._ends = Ends(running)
        self._lags = Lags(process, self._stfs)
        self._memory = Watcher(running)
        self._looks = Looks()
        self._others = Others((running.stack.pid("supervisord"),))

    def play(self, agents_number: int) -> Loaded:
        """Play the load to its end, and judge what came of it."""
        running = self._running
        place = Place(
            request_id=running.count(_NEWEST_REQUEST),
            event_id=running.last_event_id(),
            namespace=NAMESPACE,
            run=_RUN,
        )
        parts, cpu = running.parts, Cpu.now(running)
        with (
            Load(running, self._series()) as asking,
            working_agents(running, agents_number) as agents,
            asking_assistant(running) as asker,
        ):
            self._watch(agents)
            used, (_, machine_load, _) = Used.between(cpu, Cpu.now(running)), os.getloadavg()
            asking.end()
        self._stop_workflows()
        drained_seconds = self._drain()
        triggers = [each for each in self._triggers if each.wish.asked_at]
        stfs = [each for each in self._stfs if each.asked_at]
        ids = running.event_ids(place.event_id)
        say(f"comparing {len(ids)} events with what each client got")
        clients = of_clients(running, self._process, place, seconds=_COMPARE_SECONDS)
        found = breaches_of(running, place, triggers=triggers, stfs=stfs, clients=clients)
        return Loaded(
            triggers=len(triggers),
            stfs=len(stfs),
            seconds=latency.taken(triggers, self._ends.at),
            lags=self._lags.seconds,
            used=used,
            others_load=self._others.load,
            machine_load=machine_load,
            growths=self._looks.growths(self._seconds),
            late_canaries=running.count(_LATE_CANARIES, after=place.request_id),
            drained_seconds=drained_seconds,
            events=len(ids),
            agents=agents,
            asker=asker,
            breaches=[
                *found,
                *of_parts(running, parts),
                *of_callers(agents, asker, missing_tfs=agents.missing_tfs()),
            ],
        )

    @property
    def _triggers(self) -> list[Trigger]:
        return [*self._mixed, *self._rare]

    def _series(self) -> list[Series]:
        return [
            Series(self._stfs, 1 / STFS_A_SECOND),
            Series([each.wish for each in self._mixed], 1.0),
            *(
                Series([each.wish for each in self._rare if each.kind is kind], _RARE_SECONDS)
                for kind in RARE
            ),
        ]

    def _watch(self, agents: Agents) -> None:
        """Look at everything until the time is over, with a line for each minute."""
        minutes = Minutes(self._running, self._triggers, self._ends, self._lags)
        every = min(_MINUTE, self._seconds / _LEAST_LINES)
        began, due = time.monotonic(), every
        while (at := time.monotonic() - began) < self._seconds:
            self._others.look()
            look = self._memory.look(at)
            self._looks.taken.append(look)
            if at > _FIRST_BEATS_SECONDS:
                agents.look()
            if at >= due:
                due += every
                minutes.note(sum(look.mib.values()))
            time.sleep(min(_LOOK_SECONDS, every / 2, self._seconds - at))
        minutes.note(sum(self._looks.taken[-1].mib.values()))

    def _stop_workflows(self) -> None:
        """Stop the workflows that were begun, and whose stop would have come after the end."""
        asked = [each for each in self._mixed if each.wish.request_id is not None]
        begun, stopped = (
            {each.wish.body["namespace"] for each in asked if each.kind is kind}
            for kind in (Kind.STOPPED_WORKFLOW, Kind.STOP_WORKFLOW)
        )
        for namespace in begun - stopped:
            wish = load.action(Kind.STOP_WORKFLOW.value, namespace=namespace)
            self._running.http.post(wish.path, json=wish.body).raise_for_status()

    def _drain(self) -> float:
        """Wait until no request is open; gives the seconds that it took."""
        say("waiting until no request is open")
        began = time.monotonic()
        patience = max(_LEAST_DRAIN_SECONDS, _DRAIN_TIMES * self._seconds)
        comes_true(lambda: self._running.count(_OPEN, states=list(OPEN)) == 0, patience)
        self._ends.look()
        self._lags.look()
        return time.monotonic() - began
