"""What came of the load: its rows, events, tasks and clients, and each breach of what must hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from deployments.bench.abuse import crashes
from deployments.bench.common.stack import BenchStack
from deployments.bench.outage.checks import Breach, BreachKind, breaches
from deployments.bench.outage.evidence import Evidence, Place, rows_of
from deployments.bench.outage.load import Wish
from deployments.bench.soak import checks
from deployments.bench.soak.clients import Agents, Asker
from deployments.bench.soak.cpu import Used
from deployments.bench.soak.kinds import Kind, Trigger
from deployments.bench.soak.memory import Growth
from deployments.bench.submission.chaos.evidence import Panda
from deployments.stack.environment import sandbox_panda_url


class Fault(StrEnum):
    """What is wrong while the load lasts."""

    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What came of the load.

    Attributes:
        asked: How many triggers and STFs were asked for.
        seconds: From trigger to end, by kind.
        lags: From an STF's message to its first TF at a client, in seconds.
        used: Who used the processors.
        others_load: Threads of others that were runnable, on average.
        machine_load: All that ran or waited for a processor or a disk, of the last 5 minutes.
        growths: How the memory of each part grew.
        late_canaries: How many canaries failed since something took too long.
        drained_seconds: From the end of the load until no request was open.
        events: How many each client must have got.
        breaches: What must hold and does not.
    """

    triggers: int
    stfs: int
    seconds: Mapping[Kind, Sequence[float]]
    lags: Sequence[float]
    used: Used
    others_load: float
    machine_load: float
    growths: Sequence[Growth]
    late_canaries: int
    drained_seconds: float
    events: int
    agents: Agents
    asker: Asker
    breaches: Sequence[Breach]


def breaches_of(
    running: BenchStack,
    place: Place,
    *,
    triggers: Sequence[Trigger],
    stfs: Sequence[Wish],
    clients: Mapping[str, int],
) -> list[Breach]:
    """Every breach of what must hold of what was asked for since the place.

    Args:
        running: The stack, with no request open.
        place: Where the rows of the load begin.
        triggers: Those that were asked for.
        stfs: Those that were announced.
        clients: What the clients of the stream got, beside the table.
    """
    plain = [each.wish for each in triggers if not checks.has_own_ending(each)]
    odd = {each.wish.request_id for each in triggers if checks.has_own_ending(each)}
    wishes = [*stfs, *plain]
    with Panda(sandbox_panda_url(running.stack.settings)) as panda:
        rows = rows_of(running, place, wishes, panda.tasks())
    asked = rows["requests"]
    rows["requests"] = [each for each in asked if each.id not in odd]
    rows["finals"] = [each for each in rows["finals"] if each[0] not in odd]
    evidence = Evidence(
        kind=Fault.NONE, began_at=0.0, ended_at=0.0, wishes=wishes, clients=clients, **rows
    )
    return [
        *breaches(evidence),
        *checks.ends_otherwise(triggers, asked),
        *checks.asked_again(triggers),
        *checks.run_again(asked),
    ]


def of_parts(running: BenchStack, before: Mapping[int, str]) -> Iterable[Breach]:
    """What went wrong in the parts themselves; `before`: their pids at the beginning."""
    yield from checks.restarted(before, running.parts)
    for crash in crashes.logged(running.stack.layout):
        yield Breach(BreachKind.FALSE_END, f"logged: {crash}")


def of_callers(agents: Agents, asker: Asker, *, missing_tfs: int) -> Iterable[Breach]:
    """What went wrong with those who call all the time.

    Args:
        agents: The original agents.
        asker: The assistant.
        missing_tfs: How many TF files that agents registered have no row.
    """
    for failure in (*agents.failures, *asker.failures):
        yield Breach(BreachKind.REFUSED, failure)
    if missing_tfs:
        yield Breach(
            BreachKind.LOST, f"{missing_tfs} TF files that agents registered are not there"
        )
