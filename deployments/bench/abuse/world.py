"""What a bench stack holds before it is abused: rows, tasks of several owners, secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from deployments.bench.abuse import files, published
from deployments.bench.abuse.callers import Sender
from deployments.bench.abuse.inputs import FileInput
from deployments.bench.abuse.requests import Known
from deployments.bench.common.stack import BenchBroken, BenchStack
from deployments.sandbox.campaign import CampaignMaker
from deployments.sandbox.grid.certificates import Certificates
from deployments.stack.credentials import Credentials, password_in
from flows.common import access, actions
from flows.common.database import transaction
from flows.payload_logs import cache
from flows.payload_logs.models import LogState, PayloadLog

_CAMPAIGN: Final = "26.11.0"
_TOKENS: Final = ("id_token", "access_token", "refresh_token")
_TAGS: Final = ("physics-tags", "evgen-tags", "simu-tags", "reco-tags", "background-tags")


def settings_of(place: Path) -> dict[str, str]:
    """The settings of the stack, with a directory for its files and a proxy certificate."""
    certificates = Certificates(place / "certificates")
    certificates.make()
    (place / "stf").mkdir()
    return {
        "PRODOPS_FASTMON_WATCH_DIRS": str(place / "stf"),
        "PRODOPS_FASTMON_WATCH_SECONDS": "1",
        "PRODOPS_FASTMON_WATCH_SETTLE_SECONDS": "0.5",
        "PRODOPS_FASTMON_IDLE_SECONDS": "2",
        # Names that requests make up may read and no more; `abuse-proxied` is set.
        "PRODOPS_API_PROXIED_SCOPES": "read",
        "PRODOPS_RUCIO_LOGS_PROXY_FILE": str(certificates.proxy),
        "PRODOPS_SANDBOX_PANDA": "true",
        "PRODOPS_SUBMISSION_TIMEOUT_SECONDS": "10",
    }


def fill(running: BenchStack, senders: Iterable[Sender], logs: list[FileInput]) -> Known:
    """Make rows of every kind; gives their keys.

    Raises:
        BenchBroken: Something good was refused.
    """
    tasks = running.make_tasks(["abuse1", "abuse2", "abuse3"])
    for sender in senders:
        if sender.label in {"request", "session"}:
            token = min(sender.secrets, key=len)  # the session's secret is longer
            with CampaignMaker(running.stack.api_url, token) as maker:
                tasks += maker.make([sender.name])
    keys = _records(running)
    jobs = [str(job) for job in _logs(running, logs)]
    keys |= {
        "prod-tasks/name": tasks,
        "tasks/name": tasks,
        "pandaid": jobs,
        "members/name": ["payload.stdout"],
        "request_id": ["1", "2"],
        "action": list(actions.all_actions()),
    }
    fields: dict[str, list[Any]] = {
        "task_name": tasks,
        "pandaid": [int(job) for job in jobs],
        "campaign": [_CAMPAIGN],
        "namespace": ["abuse0", "abuse1"],
    }
    return Known(keys, fields)


def _records(running: BenchStack) -> dict[str, list[str]]:
    _make(running, "/pcs/api/campaigns/", name=_CAMPAIGN)
    _make(running, "/pcs/api/background-tags/", parameters={"background_type": "x"})
    request = _make(running, "/pcs/api/prod-requests/", requestor="x", simu_path="EVGEN/DIS/a.csv")
    run = _make(running, "/api/runs/", run_number=700_001, start_time="2026-08-01T12:00:00Z")
    stf = _make(running, "/api/stf-files/", run=run["run_id"], stf_filename="abuse.stf")
    tf = _make(running, "/api/fastmon-files/", stf_file="abuse.stf", tf_filename="abuse.tf")
    keys = {
        "campaigns/name": [_CAMPAIGN],
        "runs/key": [str(run["run_id"])],
        "stf-files/key": [stf["file_id"]],
        "fastmon-files/key": [tf["tf_file_id"]],
        "prod-requests/pk": [str(request["id"])],
    }
    for kind in _TAGS:
        keys[f"{kind}/number"] = [str(each["tag_number"]) for each in _list(running, kind)]
    keys["physics-categories/digit"] = [
        str(each["digit"]) for each in _list(running, "physics-categories")
    ]
    for kind in ("datasets", "prod-configs"):
        keys[f"{kind}/pk"] = [str(each["id"]) for each in _list(running, kind)]
    return keys


def _make(running: BenchStack, path: str, **body: Any) -> dict[str, Any]:
    answer = running.http.post(path, json=body)
    if not answer.is_success and answer.status_code != httpx.codes.BAD_REQUEST:
        raise BenchBroken(f"POST {path} was answered {answer.status_code}: {answer.text}")
    made: dict[str, Any] = answer.json()
    return made


def _list(running: BenchStack, kind: str) -> list[dict[str, Any]]:
    answer = running.http.get(f"/pcs/api/{kind}/").raise_for_status().json()
    found: list[dict[str, Any]] = answer["results"] if isinstance(answer, dict) else answer
    return found


def _logs(running: BenchStack, logs: list[FileInput]) -> list[int]:
    """Publish bad logs, each of a job of its own, whose rows say that they are there."""
    root = cache.root_of(running.stack.settings.stack.tmp_dir)
    jobs = [int(each.name) for each in logs] or [files.FIRST_JOB]
    for each in logs:
        published.publish(root, int(each.name), each)
    with transaction(running.engine) as session:
        session.add_all(
            PayloadLog(pandaid=job, jeditaskid=job, state=LogState.READY) for job in jobs
        )
    return jobs


# ------------------------------------------------------------------ secrets


def secrets_of(running: BenchStack, senders: Iterable[Sender], place: Path) -> dict[str, str]:
    """What no answer may hold: by its text, what it is."""
    return dict(_secrets(running, senders, place))


def _secrets(
    running: BenchStack, senders: Iterable[Sender], place: Path
) -> Iterator[tuple[str, str]]:
    yield running.token, "the bench's token"
    for sender in senders:
        for secret in sender.secrets:
            yield secret, f"a secret of {sender.name}"
            yield access.hash_key(secret), f"the hash of a secret of {sender.name}"
    own = Credentials(running.stack.layout.secrets)
    for role, path in own.passfiles.items():
        yield password_in(path), f"the password of {role}"
    for path in (own.prefect_api, own.cookie_key, own.pcs_token, own.canary_token):
        yield path.read_text().strip().removeprefix("admin:"), path.name
    token = json.loads((running.stack.layout.sandbox("panda") / "pathena" / ".token").read_text())
    for name in _TOKENS:
        for part in token[name].split(".")[1:]:  # the first part is the same in all
            yield part, f"PanDA's {name}"
    for path in sorted((place / "certificates").glob("*")):
        for line in _key_lines(path):
            yield line, f"the key in {path.name}"


def _key_lines(path: Path) -> list[str]:
    """Lines of a private key, of which any would be enough to see it."""
    if not path.is_file():
        return []
    _, begin, rest = path.read_text(errors="replace").partition("PRIVATE KEY-----\n")
    return rest.partition("\n-----END")[0].splitlines()[2:4] if begin else []
