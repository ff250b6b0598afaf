"""The Job that Prefect's Kubernetes worker makes of our template, and the values of its charts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import prefect
import pytest
import yaml

HERE = Path(__file__).parents[4]
KUBERNETES = HERE / "deployments" / "kubernetes"
TEMPLATE = KUBERNETES / "base-job-template.json"
RENDER = HERE / "tests" / "support" / "kubernetes_job.py"
IMAGE = "registry.example.org/prodops:1"
CANARY = "canary-of-the-api"
VALUES = ("values-prefect-server.yaml", "values-prefect-worker.yaml")
# Of the charts' values.schema.json; below a key with keys of its own, no others are known.
KEYS = {
    "values-prefect-server.yaml": {
        "global": {"prefect"}, "secret": {"create", "name"}, "service": {"type"},
        "server": {"basicAuth", "loggingLevel", "env", "resources"}, "ingress": {"enabled"},
        "postgresql": {"enabled"}, "sqlite": {"enabled"},
    },
    "values-prefect-worker.yaml": {
        "worker": {
            "image", "apiConfig", "serverApiConfig", "basicAuth", "config", "extraEnvVars",
            "replicaCount", "containerSecurityContext",
        }
    },
}  # fmt: skip


def template() -> Any:
    return json.loads(TEMPLATE.read_text())


def pod() -> Any:
    return template()["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]


def values(name: str) -> Any:
    return yaml.safe_load((KUBERNETES / name).read_text())


def worker_environment() -> dict[str, str]:
    """What the chart gives the worker, with the password that its Secret holds."""
    given = {each["name"]: each["value"] for each in values(VALUES[1])["worker"]["extraEnvVars"]}
    url = values(VALUES[1])["worker"]["serverApiConfig"]["apiUrl"]
    return given | {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": f"admin:{CANARY}"}


def rendered(tmp_path: Path, environment: dict[str, str]) -> Any:
    """The Job, by prefect-kubernetes in an environment of its own: no cluster is asked."""
    if not Path(uv := str(HERE / ".venv" / "bin" / "uv")).exists():
        pytest.skip("no uv beside this Python, which gets prefect-kubernetes")
    wanted = ("--with", f"prefect=={prefect.__version__}", "--with", "prefect-kubernetes==0.8.0")
    done = subprocess.run(
        [uv, "run", "--quiet", "--isolated", "--no-project", *wanted, "python", str(RENDER),
         str(TEMPLATE), json.dumps({"image": IMAGE})],
        env={**os.environ, **environment, "PREFECT_HOME": str(tmp_path), "DO_NOT_TRACK": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("{") :])


@pytest.mark.slow
def test_the_job_has_the_apis_password_from_a_secret_and_no_other_in_it(tmp_path):
    job = rendered(tmp_path, worker_environment())
    assert CANARY not in json.dumps(job)
    [container] = job["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each for each in container["env"]}
    wanted = {"secretKeyRef": {"name": "prefect-auth", "key": "auth-string"}}
    assert given["PREFECT_API_AUTH_STRING"]["valueFrom"] == wanted
    assert given["PRODOPS_DATABASE_PASSFILE"]["value"] == "/run/prodops/database.pgpass"
    assert (container["image"], container["args"]) == (IMAGE, ["prefect", "flow-run", "execute"])


@pytest.mark.slow
def test_without_the_two_variables_of_the_values_file_the_password_would_stand_in_it(tmp_path):
    bare = {k: v for k, v in worker_environment().items() if "AUTH_STRING_SECRET" not in k}
    assert CANARY in json.dumps(rendered(tmp_path, bare))


def test_an_operator_can_set_no_command_and_no_volume():
    variables = template()["variables"]
    assert variables["additionalProperties"] is False
    assert set(variables["properties"]) == {
        "name", "image", "image_pull_policy", "namespace", "service_account_name", "secret_name",
        "labels", "env", "cpu_request", "memory_request", "memory_limit", "finished_job_ttl",
        "pod_watch_timeout_seconds",
    }  # fmt: skip


def test_the_pod_is_no_root_and_has_no_token_of_the_cluster():
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["automountServiceAccountToken"] is False
    for each in (*pod()["containers"], *pod()["initContainers"]):
        assert each["securityContext"]["readOnlyRootFilesystem"] is True
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_what_the_secret_holds_becomes_private_files(tmp_path):
    """Kubernetes mounts a Secret for a group to read, which libpq and our proxies refuse."""
    secret, private = tmp_path / "secret", tmp_path / "private"
    (secret / "..data").mkdir(parents=True)
    private.mkdir()
    for name in ("database.pgpass", ".token"):
        (secret / "..data" / name).write_text(name)
        (secret / "..data" / name).chmod(0o440)
        (secret / name).symlink_to(f"..data/{name}")
    [copying] = pod()["initContainers"]
    script = copying["command"][2].replace("/mnt/prodops-secrets", str(secret))
    subprocess.run(["sh", "-c", script.replace("/run/prodops", str(private))], check=True)
    modes = {path.name: path.stat().st_mode & 0o777 for path in private.iterdir()}
    assert modes == {"database.pgpass": 0o400, ".token": 0o400}


@pytest.mark.parametrize("name", VALUES)
def test_the_values_of_the_charts_have_keys_that_those_know_and_no_secret(name):
    found = values(name)
    assert {key: set(below) for key, below in found.items()} == KEYS[name]
    text = (KUBERNETES / name).read_text()
    assert "authString" not in text
    assert "password:" not in text
