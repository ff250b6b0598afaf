"""What the mixed load works on: a campaign in PCS and Rucio, live tasks, jobs with logs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import text

from deployments.bench.common.stack import BenchStack, until
from deployments.bench.outage import load
from deployments.bench.outage.evidence import TFS_PER_STF
from deployments.bench.outage.load import Wish
from deployments.bench.payload_logs.logs import LogMaker
from deployments.bench.provenance import seeding
from deployments.bench.soak.kinds import MIXED, RARE, Kind, Trigger
from deployments.sandbox.grid import seed
from deployments.sandbox.grid.made_up import made_up
from flows.common.database import transaction
from flows.workflows.domain import simulation

SETTINGS: Final = {
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1",
    "PRODOPS_FASTMON_TF_FILES_PER_STF": str(TFS_PER_STF),
    # so that sampling runs of workflows, which have few STFs, do not hold slots for long
    "PRODOPS_FASTMON_IDLE_SECONDS": "2",
    "PRODOPS_SANDBOX_GRID": "true",
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.3",
}
"""Everything else is as by default."""
NAMESPACE: Final = "soak"
_REQUESTS, _DATASETS, _FILES = 40, 37, 3700
_LOG_BYTES: Final = 60_000
_OPERATED: Final = 8
_UNKNOWN_JOB: Final = 999_000_001
_PATIENCE_SECONDS: Final = 600.0
_LONGEST_SECONDS: Final = 7200.0
_IDS: Final = text("SELECT name, panda_task_id FROM pcs_prod_task WHERE name = ANY(:names)")

_Maker = Callable[[int], Wish]
"""Makes a wish, given the number of its turn."""


class World:
    """The rows and files that triggers need, and the triggers themselves."""

    def __init__(self, running: BenchStack) -> None:
        self._running = running
        self._logs = LogMaker(running)
        self._log = self._logs.make(_LOG_BYTES)
        self._campaign = made_up(requests=_REQUESTS, datasets=_DATASETS, files=_FILES)
        self._samples = itertools.count()
        self._turn = 0
        seeding.prepare(running, self._logs.grid, self._campaign)
        self._live = self._make_live_tasks()

    def triggers(self, number: int) -> list[Trigger]:
        """So many triggers, of all kinds in turn."""
        kinds = list(itertools.islice(itertools.cycle(MIXED), number))
        names = iter(self._make_tasks(kinds.count(Kind.SUBMIT)))
        made: dict[Kind, _Maker] = {
            **self._makers(),
            Kind.SUBMIT: lambda _: load.submission(next(names)),
        }
        first, self._turn = self._turn, self._turn + math.ceil(number / len(MIXED))
        return [
            Trigger(kind, made[kind](first + place // len(MIXED)))
            for place, kind in enumerate(kinds)
        ]

    def rare(self, number: int) -> list[Trigger]:
        """So many of each kind that is rare, one of each after the other."""
        return [Trigger(kind, load.action(kind.value)) for _ in range(number) for kind in RARE]

    def stfs(self, run: int, number: int) -> list[Wish]:
        """So many STFs of a run."""
        plan = simulation.RunPlan(run, number, namespace=NAMESPACE)
        return [
            load.stf(body)
            for _, body in simulation.simulate_run(plan)
            if body["msg_type"] == "stf_ready"
        ]

    def _makers(self) -> Mapping[Kind, _Maker]:
        """Makes a wish of each kind, given the number of the turn."""
        campaign = self._campaign.name
        action = load.action
        return {
            Kind.CHECK_PIPELINE: lambda _: action("check_pipeline"),
            Kind.FETCH: lambda _: load.fetch(self._logs.another(self._log).panda_id),
            Kind.OPERATE: self._operation,
            Kind.SYNC: lambda _: action("sync_task_states"),
            Kind.READ_DID: self._reading,
            Kind.SWEEP_ONE: lambda _: action("campaign_provenance_sweep", campaign=campaign),
            Kind.REPORT: lambda _: action("report_completion", campaign=campaign, mail=False),
            Kind.UPDATE_EVGEN: lambda _: action("evgen_rucio_update"),
            Kind.REGISTER_EVGEN: lambda _: action("register_evgen", dry_run=True),
            Kind.SWEEP_ARRIVALS: lambda _: action("sweep_arrivals"),
            Kind.UPDATE_SNAPSHOT: lambda _: action("rucio_snapshot_update"),
            Kind.RUN_WORKFLOW: _workflow,
            Kind.STOPPED_WORKFLOW: _endless_workflow,
            Kind.STOP_WORKFLOW: lambda turn: action("stop_workflow", namespace=_played(turn)),
            Kind.SAMPLE: lambda _: action("sample_stfs", namespace=NAMESPACE),
            Kind.PRUNE_HISTORY: lambda _: action("prune_history"),
            Kind.PRUNE_LOGS: lambda _: action("prune_payload_logs"),
            Kind.FETCH_UNKNOWN: lambda turn: action(
                "fetch_payload_log", pandaid=_UNKNOWN_JOB + turn
            ),
            Kind.SWEEP_UNKNOWN: lambda turn: action(
                "campaign_provenance_sweep", campaign=f"00.00.{turn}"
            ),
            Kind.RESOLVE_SETTLED: self._resolution,
        }

    # -------------------------------------------------------------- what each is about

    def _operation(self, turn: int) -> Wish:
        """Pause or resume a live task, each task in its turn."""
        task, number = list(self._live.items())[turn % _OPERATED]
        operation = ("pause", "resume")[turn // _OPERATED % 2]
        return load.action(
            "panda_task_operation", operation=operation, jedi_task_id=number, task_name=task
        )

    def _resolution(self, turn: int) -> Wish:
        """Resolve what is no longer open, which is refused."""
        task = list(self._live)[turn % _OPERATED]
        return load.action("resolve_submission", task_name=task, failed=True, reason="soak")

    def _reading(self, turn: int) -> Wish:
        dataset = self._campaign.datasets[turn % _DATASETS]
        return load.action("read_did", scope=seed.SCOPE, name=dataset.name)

    # -------------------------------------------------------------- preparation

    def _make_tasks(self, number: int) -> list[str]:
        samples = [f"soak{next(self._samples):05d}" for _ in range(number)]
        return self._running.make_tasks(samples) if samples else []

    def _make_live_tasks(self) -> dict[str, int]:
        """Tasks that live at PanDA, with their ids there."""
        names = self._make_tasks(_OPERATED)
        for name in names:
            path = load.submission(name).path
            self._running.http.post(path, json={"task_name": name}).raise_for_status()
        until(
            lambda: self._running.recorded(names) == set(names),
            _PATIENCE_SECONDS,
            "the live tasks are recorded",
        )
        with transaction(self._running.engine) as session:
            return dict(session.execute(_IDS, {"names": names}).tuples().all())


def _workflow(turn: int) -> Wish:
    """A workflow that ends by itself, at once."""
    return load.action(
        "run_workflow",
        namespace=f"soak-brief-{turn}",
        stf_count=2,
        physics_period_count=1,
        realtime=False,
    )


def _endless_workflow(turn: int) -> Wish:
    """A workflow that lasts until it is stopped, however long that takes."""
    return load.action(
        "run_workflow",
        namespace=_played(turn),
        stf_interval=5,
        physics_period_count=0,
        duration_seconds=_LONGEST_SECONDS,
    )


def _played(turn: int) -> str:
    """The namespace in which it runs."""
    return f"soak-long-{turn}"
