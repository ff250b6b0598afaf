"""How long Prefect's client waits by itself: never so long that a service cannot look around."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import httpx
import pytest
from prefect.client import base
from prefect.settings import (
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_CLIENT_RETRY_EXTRA_CODES,
    temporary_settings,
)

from deployments import prefect_access
from flows.common.settings import settings

LONGEST = prefect_access._MOST_SECONDS * 1.2  # with the client's jitter


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("reset", request=request)


def fail(_: httpx.Request) -> httpx.Response:
    return httpx.Response(500)


def be_overloaded(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waits between its tries; it does not."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(base, "clamped_poisson_interval", base.clamped_poisson_interval)
    monkeypatch.setattr(base.anyio, "sleep", sleep)
    monkeypatch.setattr(base.time, "sleep", slept.append)
    return slept


@pytest.mark.parametrize("answer", [refuse, fail, be_overloaded])
@pytest.mark.parametrize("is_async", [True, False])
def test_the_client_tries_again_within_seconds_however_long_the_outage(waits, answer, is_async):
    prefect_access.bound_retries()
    transport = httpx.MockTransport(answer)

    async def ask_async() -> None:
        async with base.PrefectHttpxAsyncClient(transport=transport, base_url="http://x") as client:
            await client.get("/")

    def ask() -> None:
        if is_async:
            asyncio.run(ask_async())
        else:
            base.PrefectHttpxSyncClient(transport=transport, base_url="http://x").get("/")

    many = {PREFECT_CLIENT_MAX_RETRIES: 12, PREFECT_CLIENT_RETRY_EXTRA_CODES: {500}}
    with temporary_settings(many), pytest.raises(httpx.HTTPError):
        ask()
    assert len(waits) >= 12
    assert max(waits) <= LONGEST


def test_a_service_gives_up_soon_and_its_runs_live_through_an_outage(monkeypatch):
    given: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", given)
    prefect_access.configure_client(settings(), is_service=True)
    assert int(given["PREFECT_CLIENT_MAX_RETRIES"]) * LONGEST < 15
    prefect_access.configure_client(settings())
    assert int(given["PREFECT_CLIENT_MAX_RETRIES"]) * prefect_access._MOST_SECONDS >= 300


KNOWN = """
import os, subprocess, sys
from deployments.prefect_access import configure_client
from flows.common.settings import settings
configure_client(settings())
from prefect.settings import get_current_settings
print(get_current_settings().api.auth_string.get_secret_value())
sys.stdout.flush()
subprocess.run(["env"])
"""


def test_prefect_knows_the_password_and_no_child_is_shown_it(tmp_path):
    password = tmp_path / "password"
    password.write_text("admin:canary\n")
    given = {"PRODOPS_PREFECT_PASSWORD_FILE": str(password), "PRODOPS_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", KNOWN],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=True,
    )
    known, *shown = done.stdout.splitlines()
    assert known == "admin:canary"
    assert f"PRODOPS_PREFECT_PASSWORD_FILE={password}" in shown
    assert not [line for line in shown if "canary" in line]
