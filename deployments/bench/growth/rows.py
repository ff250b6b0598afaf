"""Rows as COPY takes them, made by numbers alone: the same each time, but for when "now" is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from deployments.bench.growth.amounts import (
    DAY_SECONDS,
    ERROR_EVERY,
    FAILED_EVERY,
    REQUESTS_A_DAY,
    STFS_A_SECOND,
    TFS_AN_STF,
    Amounts,
)

NAMESPACE: Final = "bench"
FIRST_RUN: Final = 500_001
AGENT: Final = "fastmon-agent-prodops-1"
_SPREAD: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835  # odd: distinct ids, as if they were random
_ID_BITS: Final = (1 << 128) - 1
_STF_BYTES: Final = 2_147_483_648
_TF_BYTES: Final = 300_647_710
_NULL: Final = r"\N"
_ACTIONS: Final = (
    "fetch_payload_log", "fetch_payload_log", "sample_stfs", "sweep_campaign", "submit_task",
)  # fmt: skip
_FLOW_RUN: Final = "c0ffee00-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Table:
    """A table's columns, and its rows: lines of tab-separated text."""

    name: str
    columns: str
    lines: Iterator[str]


def tables(amounts: Amounts, now: datetime) -> Iterator[Table]:
    """Every table that is filled, in an order that its references allow."""
    yield Table("swf_runs", "run_id, run_number, start_time, end_time", _runs(amounts, now))
    yield Table("swf_run_state", _RUN_STATE, _run_states(amounts, now))
    yield Table("fastmon_first_stf", "namespace, run_number, stf_filename", _first_stfs(amounts))
    yield Table("swf_stf_files", _STF, _stfs(amounts, now))
    yield Table("fastmon_inbox", _INBOX, _inbox(amounts, now))
    yield Table("fastmon_tally", _TALLY, _tally(amounts, now))
    yield Table("swf_fastmon_files", _TF, _tfs(amounts, now))
    yield Table("event", _EVENT, _events(amounts, now))
    yield Table("request", _REQUEST, _requests(amounts, now))
    yield Table("submission_attempt", _ATTEMPT, _attempts(amounts, now))
    yield Table("payload_log", _PAYLOAD_LOG, _payload_logs(amounts, now))
    yield Table("notification", _NOTIFICATION, _notifications(amounts, now))
    yield Table("swf_applog", _LOG, _logs(amounts, now))
    yield Table("swf_workflow_definitions", _DEFINITION, _definitions(now))
    yield Table("swf_workflow_executions", _EXECUTION, _executions(amounts, now))


def stf_name(amounts: Amounts, number: int) -> str:
    """File name of an STF, counted from 0."""
    place = number % amounts.run_stfs + 1
    return f"swf.{run_of(amounts, number)}.{place:06d}.stf"


def run_of(amounts: Amounts, number: int) -> int:
    """Number of the run of an STF."""
    return FIRST_RUN + number // amounts.run_stfs


def _stf_at(amounts: Amounts, number: int, now: datetime) -> datetime:
    """When an STF came: the last one a minute ago, so that no run is still taking data."""
    age = 60 + (amounts.stfs - number) / STFS_A_SECOND
    return now - timedelta(seconds=age)


def _request_at(amounts: Amounts, number: int, now: datetime) -> datetime:
    age = 60 + (amounts.requests - number) * DAY_SECONDS / REQUESTS_A_DAY
    return now - timedelta(seconds=age)


def _spread(kind: int, number: int) -> str:
    return f"{((kind << 64 | number + 1) * _SPREAD) & _ID_BITS:032x}"


# ------------------------------------------------------------------ data taking


def _runs(amounts: Amounts, now: datetime) -> Iterator[str]:
    for run in range(amounts.runs):
        begin = _stf_at(amounts, run * amounts.run_stfs, now)
        end = begin + timedelta(seconds=amounts.run_stfs / STFS_A_SECOND)
        yield f"{run + 1}\t{FIRST_RUN + run}\t{begin}\t{min(end, now)}\n"


_RUN_STATE: Final = (
    "run_number, phase, state, target_worker_count, active_worker_count, stf_samples_received, "
    "slices_created, slices_queued, slices_processing, slices_completed, slices_failed, "
    "state_changed_at, updated_at"
)


def _run_states(amounts: Amounts, now: datetime) -> Iterator[str]:
    counts = "\t".join(["0"] * 8)
    for run in range(amounts.runs):
        yield f"{FIRST_RUN + run}\tended\tended\t{counts}\t{now}\t{now}\n"


def _first_stfs(amounts: Amounts) -> Iterator[str]:
    for run in range(amounts.runs):
        yield f"{NAMESPACE}\t{FIRST_RUN + run}\t{stf_name(amounts, run * amounts.run_stfs)}\n"


_STF: Final = (
    "file_id, run_id, machine_state, stf_filename, file_size_bytes, created_at, status, metadata, "
    "daq_state, daq_substate, tf_count"
)
_STF_RECORD: Final = json.dumps(
    {"sampled": True, "fraction": 1.0, "seed": 0, "tf_files": 7, "tf_count_from": "message"}
)


def _stfs(amounts: Amounts, now: datetime) -> Iterator[str]:
    for number in range(amounts.stfs):
        run, name = number // amounts.run_stfs + 1, stf_name(amounts, number)
        yield (
            f"{_spread(1, number)}\t{run}\tphysics\t{name}\t{_STF_BYTES}\t"
            f"{_stf_at(amounts, number, now)}\tprocessed\t{_STF_RECORD}\t"
            f"run\tphysics\t1000\n"
        )


_INBOX: Final = (
    "namespace, stf_filename, run_number, is_first, size_bytes, tf_count, daq_state, daq_substate, "
    "state, received_at, decided_at, request_id"
)


def _inbox(amounts: Amounts, now: datetime) -> Iterator[str]:
    for number in range(amounts.stfs):
        at, run = _stf_at(amounts, number, now), run_of(amounts, number)
        yield (
            f"{NAMESPACE}\t{stf_name(amounts, number)}\t{run}\tf\t{_STF_BYTES}\t1000\trun\t"
            f"physics\tsampled\t{at}\t{at}\t1\n"
        )


_TALLY: Final = "namespace, run_number, kind, at, number, volume_bytes, first_at, last_at"
_BIN_STFS: Final = 5 * STFS_A_SECOND


def _tally(amounts: Amounts, now: datetime) -> Iterator[str]:
    """What triggers would have counted, which are not fired while the rows are copied."""
    for run in range(amounts.runs):
        begin = run * amounts.run_stfs
        end = min(begin + amounts.run_stfs, amounts.stfs)
        yield from _tallied(amounts, now, "-infinity", range(begin, end))
        for first in range(begin, end, _BIN_STFS):
            stfs = range(first, min(first + _BIN_STFS, end))
            at = _stf_at(amounts, first, now)
            bin_at = at - timedelta(seconds=at.timestamp() % 5)
            yield from _tallied(amounts, now, str(bin_at), stfs)


def _tallied(amounts: Amounts, now: datetime, at: str, stfs: range) -> Iterator[str]:
    run = run_of(amounts, stfs[0])
    times = f"{_stf_at(amounts, stfs[0], now)}\t{_stf_at(amounts, stfs[-1], now)}"
    tfs = len(stfs) * TFS_AN_STF
    yield f"{NAMESPACE}\t{run}\tannounced\t{at}\t{len(stfs)}\t0\t{times}\n"
    yield f"{NAMESPACE}\t{run}\tsampled\t{at}\t{len(stfs)}\t0\t{times}\n"
    yield f"{NAMESPACE}\t{run}\ttfs\t{at}\t{tfs}\t{tfs * _TF_BYTES}\t{times}\n"


_TF: Final = (
    "tf_file_id, stf_file_id, tf_filename, file_size_bytes, status, metadata, created_at, "
    "updated_at, tf_count, tf_first, tf_last, sampled_by"
)


def _tfs(amounts: Amounts, now: datetime) -> Iterator[str]:
    for number in range(amounts.stfs):
        stf, at, name = _spread(1, number), _stf_at(amounts, number, now), stf_name(amounts, number)
        record = f'{_STF_RECORD[:-1]}, "simulation": true, "created_from": "{name}"}}'
        for tf in range(TFS_AN_STF):
            yield (
                f"{_spread(2, number * TFS_AN_STF + tf)}\t{stf}\t{name[:-4]}_tf_{tf + 1:03d}.tf\t"
                f"{_TF_BYTES}\tregistered\t{record}\t{at}\t{at}\t140\t{tf * 140}\t"
                f"{tf * 140 + 139}\t1\n"
            )


# ------------------------------------------------------------------ events

_EVENT: Final = "at, msg_type, namespace, run_id, processed_by, subject, payload, request_id"


def _events(amounts: Amounts, now: datetime) -> Iterator[str]:
    for number in range(amounts.stfs - amounts.stfs_with_events, amounts.stfs):
        at = _stf_at(amounts, number, now)
        run, name = run_of(amounts, number), stf_name(amounts, number)
        if number % amounts.run_stfs == 0:
            for kind in ("run_imminent", "start_run"):
                about = f'"run_id": "{run}"'
                yield _event(at, kind, run=run, by="daq", subject=name, body=about)
        ready = _ready(run, name)
        yield _event(at, "stf_ready", run=run, by="data-agent", subject=name, body=ready)
        for tf in range(TFS_AN_STF):
            body = _registered(run, name, tf, at)
            yield _event(
                at,
                "tf_file_registered",
                run=run,
                by=AGENT,
                subject=name,
                body=body,
                request_id="1",
            )


def _event(
    at: datetime, kind: str, *, run: int, by: str, subject: str, body: str, request_id: str = _NULL
) -> str:
    payload = (
        f'{{"msg_type": "{kind}", "namespace": "{NAMESPACE}", {body}, "sender": "{by}", '
        f'"sender_agent": "{by}", "recipient_agent": null, "queue_name": "epictopic", '
        f'"sent_at": "{at}"}}'
    )
    return f"{at}\t{kind}\t{NAMESPACE}\t{run}\t{by}\t{subject}\t{payload}\t{request_id}\n"


def _ready(run: int, name: str) -> str:
    return (
        f'"run_id": "{run}", "filename": "{name}", "sequence": 7, "size_bytes": {_STF_BYTES}, '
        '"tf_count": 1000, "state": "run", "substate": "physics", "checksum": "ad:0badcafe", '
        '"execution_id": "stf_datataking-bench-0001"'
    )


def _registered(run: int, name: str, tf: int, at: datetime) -> str:
    tf_name = f"{name[:-4]}_tf_{tf + 1:03d}.tf"
    return (
        f'"run_id": "{run}", "run_number": "{run}", "execution_id": "stf_datataking-bench-0001", '
        f'"processed_by": "{AGENT}", "tf_file_id": "0b7f1f5e-6c1d-5a8e-9d3b-2f6a41c7e900", '
        f'"tf_filename": "{tf_name}", "tf_first": {tf * 140}, "tf_last": {tf * 140 + 139}, '
        f'"tf_count": 140, "file_size_bytes": {_TF_BYTES}, "stf_filename": "{name}", '
        f'"status": "registered", "timestamp": "{at}", '
        f'"message": "TF file {tf_name} registered for fast monitoring"'
    )


# ------------------------------------------------------------------ requests, and what is of them

_REQUEST: Final = (
    "action, parameters, subject, requested_by, source, state, flow_run_id, worker, attempts, "
    "result, error, created_at, claimed_at, started_at, finished_at"
)


def action_of(number: int) -> str:
    """What a request asked for, counted from 0."""
    return _ACTIONS[number % len(_ACTIONS)]


def _requests(amounts: Amounts, now: datetime) -> Iterator[str]:
    result = json.dumps({"stfs": 36_000, "sampled": 36_000, "tfs": 252_000, "reasons": []})
    for number in range(amounts.requests):
        at, action = _request_at(amounts, number, now), action_of(number)
        is_good = number % FAILED_EVERY
        state = f"completed\t{_FLOW_RUN}" if is_good else f"failed\t{_FLOW_RUN}"
        said = f"{result}\t{_NULL}" if is_good else f"{_NULL}\tPanDA does not answer"
        about = f'{{"name": "{number}"}}\tsubject-{number}'
        if action == "sample_stfs":
            about = f'{{"namespace": "{NAMESPACE}"}}\t{NAMESPACE}'
        yield (
            f"{action}\t{about}\tuser{number % 20}\trest\t{state}"
            f"\tworker@host\t1\t{said}\t{at}\t{at}\t{at}\t{at}\n"
        )


_ATTEMPT: Final = (
    "task_name, panda_name, owner, request_id, state, step, arguments, sends, checks, "
    "jedi_task_id, outcome, created_at, updated_at, ended_at"
)


def _attempts(amounts: Amounts, now: datetime) -> Iterator[str]:
    arguments = json.dumps(["--exec", "./run.sh", "--outDS", "x" * 200, "--site", "BNL"] * 2)
    for number in range(amounts.submissions):
        at = _request_at(amounts, number * 20, now)
        yield (
            f"task.{number}\tgroup.EIC.task.{number}\tuser{number % 20}\t{number * 20 + 1}\t"
            f"recorded\tclose\t{arguments}\t1\t1\t{number + 1}\tcreated\t{at}\t{at}\t{at}\n"
        )


_PAYLOAD_LOG: Final = (
    "pandaid, jeditaskid, scope, lfn, located_by, state, step, request_id, rse, size_bytes, "
    "adler32, members, fetched_at, updated_at"
)


def _payload_logs(amounts: Amounts, now: datetime) -> Iterator[str]:
    members = json.dumps([{"name": f"f{n}", "path": f"a/f{n}", "size_bytes": n} for n in range(4)])
    for number in range(amounts.payload_logs):
        at = _request_at(amounts, number * 5, now)
        yield (
            f"{number + 1}\t{number // 100 + 1}\tgroup.EIC\tlog.{number}.tgz\tpanda\tpruned\t\t"
            f"{number * 5 + 1}\tBNL\t1000000\t0badcafe\t{members}\t{at}\t{at}\n"
        )


_NOTIFICATION: Final = (
    "at, dedup_key, recipient, username, event_id, request_id, what, name, outcome, severity, "
    "subject, title, body, state, tries, handed_over_at, ended_at"
)


def _notifications(amounts: Amounts, now: datetime) -> Iterator[str]:
    for number in range(amounts.notifications):
        at = _request_at(amounts, number * 10, now)
        yield (
            f"{at}\tbench:{number}\tuser{number % 20}\tuser{number % 20}\t{_NULL}\t"
            f"{number * 10 + 1}\taction\tsubmit_task\tfailed\twarning\tsubject-{number}\tit failed"
            f'\t{{"text": "submit_task failed"}}\tsent\t1\t{at}\t{at}\n'
        )


# ------------------------------------------------------------------ logs and workflows

_LOG: Final = (
    "app_name, instance_name, timestamp, level, levelname, message, module, funcname, lineno, "
    "process, thread, extra_data"
)
_LOG_SECONDS: Final = 14 * DAY_SECONDS
_PARTS: Final = ("worker", "relay", "api", "notifier", "data_agent")


def _logs(amounts: Amounts, now: datetime) -> Iterator[str]:
    for number in range(amounts.logs):
        age = 60 + _LOG_SECONDS * (amounts.logs - number) / amounts.logs
        at, part = now - timedelta(seconds=age), _PARTS[number % len(_PARTS)]
        level = "40\tERROR" if number % ERROR_EVERY == 0 else "20\tINFO"
        about = f'{{"namespace": "{NAMESPACE}", "request_id": "{number // 10}"}}'
        yield (
            f"{part}\t{part}-{number % 20}\t{at}\t{level}\tSTF {number} was registered\tagent\trun"
            f"\t7\t4711\t1\t{about}\n"
        )


_DEFINITION: Final = (
    "id, workflow_name, version, workflow_type, definition, created_by, created_at, updated_at"
)


def _definitions(now: datetime) -> Iterator[str]:
    yield f"1\tbench\t1\tsimulation\t\tbench\t{now}\t{now}\n"


_EXECUTION: Final = (
    "execution_id, workflow_definition_id, namespace, parameter_values, status, start_time, "
    "end_time, executed_by"
)


def _executions(amounts: Amounts, now: datetime) -> Iterator[str]:
    for number in range(amounts.executions):
        request = number * amounts.requests // amounts.executions
        at = _request_at(amounts, request, now)
        yield (
            f"stf_datataking-bench-{number:06d}\t1\t{NAMESPACE}\t{{}}\tcompleted\t{at}\t{at}\t"
            "bench\n"
        )
