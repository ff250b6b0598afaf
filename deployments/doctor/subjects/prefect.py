"""Prefect: whether it answers us, is the version that we use, and takes work for our pool."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version as installed_version
from typing import Any, Final

import httpx

from blocks.tls import trust
from deployments.doctor.findings import Check, Finding, ok, problem, warning
from deployments.doctor.site import Site
from flows.common.sources import prefect_api

_ANSWER_SECONDS: Final = 5.0
_START: Final = "start it (`prodops up` starts its own), or correct PRODOPS_PREFECT_API_URL"
_PASSWORD: Final = "put admin:PASSWORD of its API into the file of PRODOPS_PREFECT_PASSWORD_FILE"  # noqa: S105 - a sentence
_POOL: Final = "start the worker, which makes the pool, or correct PRODOPS_PREFECT_POOL"


def _server(site: Site) -> Iterator[Finding]:
    url = prefect_api(site.settings).url
    try:
        healthy = _get(site, "/health")
        said = _get(site, "/admin/version")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield problem(f"{url}: {str(error) or type(error).__name__}", _START)
        return
    if said.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        yield problem(f"{url} refuses us ({said.status_code})", _PASSWORD)
    elif not (healthy.is_success and said.is_success):
        yield problem(f"{url} answers {healthy.status_code} and {said.status_code}", _START)
    else:
        yield _of_version(url, str(said.json()), installed_version("prefect"))


def _of_version(url: str, server: str, client: str) -> Finding:
    text = f"{url} is Prefect {server}"
    if server == client:
        return ok(text)
    advice = f"let both be the same: the parts here use {client}"
    if server.split(".")[:2] == client.split(".")[:2]:
        return warning(f"{text}, and {client} is installed here", advice)
    return problem(f"{text}, and {client} is installed here", advice)


def _pool(site: Site) -> Iterator[Finding]:
    name = site.settings.prefect.pool
    answer = _get(site, f"/work_pools/{name}")
    if answer.status_code == httpx.codes.NOT_FOUND:
        yield problem(f"Prefect has no work pool {name}", _POOL)
        return
    answer.raise_for_status()
    yield _of_pool(name, answer.json())


def _of_pool(name: str, said: dict[str, Any]) -> Finding:
    if said.get("is_paused"):
        advice = f"resume it when the work may go on: `prefect work-pool resume {name}`"
        return problem(f"the work pool {name} is paused", advice)
    limit = said.get("concurrency_limit")
    if limit == 0:
        advice = f"set another limit: `prefect work-pool set-concurrency-limit {name} NUMBER`"
        return problem(f"the work pool {name} has a limit of 0", advice)
    bound = "" if limit is None else f", at most {limit} runs"
    return ok(f"work pool {name}, of type {said.get('type')}{bound}")


def _get(site: Site, path: str) -> httpx.Response:
    api = prefect_api(site.settings)
    user, _, password = (api.auth or "").partition(":")
    with httpx.Client(
        auth=(user, password) if api.auth else None,
        timeout=min(_ANSWER_SECONDS, site.timeout_seconds),
        verify=trust(api.url),
    ) as client:
        return client.get(f"{api.url}{path}")


CHECKS = (
    Check(
        name="prefect",
        summary="whether the Prefect server answers, and is of our version",
        look=_server,
        needs=("settings",),
        is_for_ops=True,
    ),
    Check(
        name="pool",
        summary="whether the work pool is there and open",
        look=_pool,
        needs=("prefect",),
        is_for_ops=True,
    ),
)
