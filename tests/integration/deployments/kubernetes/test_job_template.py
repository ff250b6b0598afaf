"""The Job that Prefect's Kubernetes worker makes of our template, and the values of its charts."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.settings import Settings
from prefect.settings.legacy import _get_settings_fields

from deployments.uv_command import run_uv
from flows.common.settings import known_names

HERE = Path(__file__).parents[4]
KUBERNETES = HERE / "deployments" / "kubernetes"
TEMPLATE = KUBERNETES / "base-job-template.json"
RENDER = HERE / "tests" / "support" / "kubernetes_job.py"
IMAGE = "registry.example.org/prodops:1"
CANARY = "canary-of-the-api"
VALUES = ("values-prefect-server.yaml", "values-prefect-worker.yaml")
SECRETS = {
    "PREFECT_API_AUTH_STRING": f"admin:{CANARY}",
    "PRODOPS_DATABASE_PASSWORD": "canary-of-the-database",
    "PGPASSWORD": "canary-of-libpq",
    "PRODOPS_API_TOKEN": "canary-of-the-monitor",
}
"""What the worker's environment may hold beside its settings; the first one it always does."""
OF_PREFECT = {
    "PREFECT_API_KEY": "canary-of-the-cloud",
    "PREFECT_SERVER_API_AUTH_STRING": "admin:canary-of-the-server",
    "PREFECT_SERVER_DATABASE_PASSWORD": "canary-of-prefects-database",
}
"""Secrets of Prefect's own that it must not hold: its worker writes them into each job."""
# The keys that the charts' values.schema.json know, and their types, as far as we set them.
KEYS: dict[str, dict[str, type]] = {
    "values-prefect-server.yaml": {
        "global.prefect.image.repository": str, "global.prefect.image.prefectTag": str,
        "server.basicAuth.enabled": bool, "server.basicAuth.existingSecret": str,
        "server.loggingLevel": str, "server.env": list,
        "server.resources.requests.cpu": str, "server.resources.requests.memory": str,
        "server.resources.limits.cpu": str, "server.resources.limits.memory": str,
        "service.type": str, "ingress.enabled": bool, "secret.create": bool, "secret.name": str,
        "postgresql.enabled": bool, "sqlite.enabled": bool,
    },
    "values-prefect-worker.yaml": {
        "worker.image.repository": str, "worker.image.prefectTag": str, "worker.apiConfig": str,
        "worker.serverApiConfig.apiUrl": str, "worker.basicAuth.enabled": bool,
        "worker.basicAuth.existingSecret": str, "worker.config.type": str,
        "worker.config.workPool": str, "worker.config.installPolicy": str,
        "worker.config.queryInterval": int, "worker.config.limit": int,
        "worker.config.baseJobTemplate.existingConfigMapName": str, "worker.extraEnvVars": list,
        "worker.replicaCount": int, "worker.containerSecurityContext.runAsNonRoot": bool,
        "worker.containerSecurityContext.readOnlyRootFilesystem": bool,
        "worker.containerSecurityContext.allowPrivilegeEscalation": bool,
        "worker.containerSecurityContext.capabilities.drop": list,
    },
}  # fmt: skip
ENVIRONMENTS = {VALUES[0]: ("server", "env"), VALUES[1]: ("worker", "extraEnvVars")}


def template() -> Any:
    return json.loads(TEMPLATE.read_text())


def pod() -> Any:
    return template()["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]


def values(name: str) -> Any:
    return yaml.safe_load((KUBERNETES / name).read_text())


def leaves(found: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What the values set, by its path; a list is one."""
    if not isinstance(found, dict):
        yield path, found
        return
    for name, below in found.items():
        yield from leaves(below, f"{path}.{name}".lstrip("."))


def variables(name: str) -> list[dict[str, Any]]:
    """The environment that a chart gives."""
    part, key = ENVIRONMENTS[name]
    return list(values(name)[part][key])


def locked(package: str) -> str:
    """The version of a package in uv.lock."""
    packages = tomllib.loads((HERE / "uv.lock").read_text())["package"]
    return next(str(each["version"]) for each in packages if each["name"] == package)


def worker_environment() -> dict[str, str]:
    """What the chart gives the worker, with the password that its Secret holds."""
    given = {each["name"]: each["value"] for each in variables(VALUES[1])}
    url = values(VALUES[1])["worker"]["serverApiConfig"]["apiUrl"]
    return given | {"PREFECT_API_URL": url} | SECRETS


def rendered(tmp_path: Path, environment: dict[str, str], changed: Any = None) -> Any:
    """The Job, and what is wrong with its fields, by prefect-kubernetes: no cluster is asked."""
    file = tmp_path / "template.json"
    file.write_text(json.dumps(changed or template()))
    wanted = ("--with", f"prefect=={locked('prefect')}", "--with", "prefect-kubernetes==0.8.0")
    done = run_uv(
        "run", "--quiet", "--isolated", "--no-project", *wanted, "python", RENDER, file,
        json.dumps({"image": IMAGE}), seconds=300,
        environment={
            **os.environ, **environment, "PREFECT_HOME": str(tmp_path), "DO_NOT_TRACK": "1"
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("{") :])


def forms(secret: str) -> set[str]:
    """The forms in which a secret could stand in a manifest: as it is, and as a Secret has it."""
    offsets = (base64.b64encode(b"x" * each + secret.encode()).decode() for each in range(3))
    # Whatever stands before and after it: what is common to all of those.
    return {secret, *(each[4:-4] for each in offsets)}


@pytest.mark.slow
def test_the_job_has_the_apis_password_from_a_secret_and_no_secret_in_it(tmp_path):
    job = rendered(tmp_path, worker_environment())["job"]
    text = json.dumps(job)
    for secret in (CANARY, *SECRETS.values()):
        assert [form for form in forms(secret) if form in text] == []
    [container] = job["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each for each in container["env"]}
    wanted = {"secretKeyRef": {"name": "prefect-auth", "key": "auth-string"}}
    assert given["PREFECT_API_AUTH_STRING"]["valueFrom"] == wanted
    assert given["PRODOPS_DATABASE_PASSFILE"]["value"] == "/run/prodops/database.pgpass"
    assert (container["image"], container["args"]) == (IMAGE, ["prefect", "flow-run", "execute"])


@pytest.mark.slow
def test_the_api_knows_every_field_of_the_job(tmp_path):
    found = rendered(tmp_path, worker_environment())
    assert found["problems"] == []
    job = found["job"]["spec"]
    assert (job["completions"], job["parallelism"], job["backoffLimit"]) == (1, 1, 0)


@pytest.mark.slow
def test_a_field_that_is_misspelt_misplaced_missing_or_of_another_type_is_found(tmp_path):
    wrong = template()
    spec = wrong["job_configuration"]["job_manifest"]["spec"]
    below = spec["template"]["spec"]
    below["completions"] = 1
    below["containers"][0]["securityContext"]["readOnlyRootFileSystem"] = True
    below["volumes"][0]["secret"]["defaultMode"] = "0440"
    del below["containers"][0]["volumeMounts"][0]["mountPath"]
    container = ".spec.template.spec.containers[0]"
    assert rendered(tmp_path, worker_environment(), wrong)["problems"] == [
        ".spec.template.spec.completions is no field of V1PodSpec",
        f"{container}.securityContext.readOnlyRootFileSystem is no field of V1SecurityContext",
        f"{container}.volumeMounts[0].mountPath is missing",
        ".spec.template.spec.volumes[0].secret.defaultMode is no int",
    ]


@pytest.mark.slow
def test_what_the_how_to_warns_of_would_stand_in_it(tmp_path):
    """Without the two variables of the values file, or with other secrets of Prefect's names."""
    bare = {k: v for k, v in worker_environment().items() if "AUTH_STRING_SECRET" not in k}
    text = json.dumps(rendered(tmp_path, bare | OF_PREFECT))
    shown = [name for name, secret in (SECRETS | OF_PREFECT).items() if secret in text]
    assert shown == ["PREFECT_API_AUTH_STRING", *OF_PREFECT]


def test_the_charts_give_no_variable_that_prefect_does_not_know_and_no_secret_of_its_own():
    known = set(_get_settings_fields(Settings)) | {"DO_NOT_TRACK"}
    of_kubernetes = "PREFECT_INTEGRATIONS_KUBERNETES_"  # of prefect-kubernetes: the job shows them
    for name in VALUES:
        for each in variables(name):
            assert set(each) == {"name", "value"}
            assert isinstance(each["value"], str)  # the API takes no other
            assert each["name"] in known or each["name"].startswith(of_kubernetes)
            assert each["name"] not in {*OF_PREFECT, *SECRETS}


def test_the_jobs_settings_are_ones_that_prodops_and_prefect_know():
    known = set(_get_settings_fields(Settings)) | set(known_names()) | {"DO_NOT_TRACK"}
    assert set(template()["variables"]["properties"]["env"]["default"]) <= known


def test_the_images_are_of_the_prefect_that_is_locked():
    tags = {
        values(VALUES[0])["global"]["prefect"]["image"]["prefectTag"],
        values(VALUES[1])["worker"]["image"]["prefectTag"],
    }
    version = locked("prefect")
    assert tags == {f"{version}-python3.11", f"{version}-python3.11-kubernetes"}


def test_an_operator_can_set_no_command_and_no_volume():
    known = template()["variables"]
    assert known["additionalProperties"] is False
    assert set(known["properties"]) == {
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
    assert {path: type(value) for path, value in leaves(values(name))} == KEYS[name]
    text = (KUBERNETES / name).read_text()
    assert "authString" not in text
    assert "password:" not in text
