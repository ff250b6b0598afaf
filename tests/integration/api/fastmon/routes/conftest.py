"""A run, an STF file and a TF file that agents registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest


@pytest.fixture
def send(api) -> Callable[..., httpx.Response]:
    """Send a request with a token, and a body where there is one."""

    def sender(method: str, path: str, body: object = None) -> httpx.Response:
        json = {} if body is None else {"json": body}
        return api.request(method, f"/api/{path}", **json)

    return sender


@pytest.fixture
def anybody(served_api) -> Iterator[httpx.Client]:
    with served_api.client(token=None) as client:
        yield client


@pytest.fixture
def add(send) -> Callable[..., dict]:
    def adder(path: str, **body: object) -> dict:
        answer = send("POST", f"{path}/", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return adder


@pytest.fixture
def run(add) -> dict:
    return add("runs", run_number=100123, start_time="2026-08-01T12:00:00Z")


@pytest.fixture
def stf(add, run) -> dict:
    return add("stf-files", run=run["run_id"], stf_filename="a.stf", metadata={"sequence": 1})


@pytest.fixture
def tf(add, stf) -> dict:
    return add("fastmon-files", stf_file="a.stf", tf_filename="a_tf_001.tf")
