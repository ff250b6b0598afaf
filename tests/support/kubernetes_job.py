"""Prints the Job that Prefect's Kubernetes worker would create, and what the API would not know.

Run where prefect-kubernetes is. Arguments: the file of a base job template, and its values as
JSON. No cluster is asked.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kubernetes_fields import problems  # beside this file
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect_kubernetes import worker as kubernetes


class NoCluster:
    """Takes the Job in the cluster's place."""

    def __init__(self, _client: Any) -> None:
        pass

    async def create_namespaced_job(self, _namespace: str, manifest: dict[str, Any]) -> None:
        found = {"job": manifest, "problems": sorted(problems(manifest, "V1Job"))}
        sys.stdout.write(json.dumps(found))


async def main(template: dict[str, Any], values: dict[str, Any]) -> None:
    made = kubernetes.KubernetesWorkerJobConfiguration
    job = await made.from_template_and_values(template, values)
    run = FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), name="submit a task #41")
    pool = WorkPool.model_construct(name="prodops-k8s", id=uuid.uuid4())
    job.prepare_for_flow_run(run, work_pool=pool, worker_name="worker")
    kubernetes.BatchV1Api = NoCluster
    worker = SimpleNamespace(name="worker", _logger=SimpleNamespace(warning=print))
    for step in ("_replace_env_variable_with_secret", "_replace_api_key_with_secret"):
        setattr(worker, step, getattr(kubernetes.KubernetesWorker, step).__get__(worker))
    await kubernetes.KubernetesWorker._create_job(worker, job, None)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), json.loads(sys.argv[2])))
