"""The bound on bodies holds on every door, however the body is sent and whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flows.common.callers import ALL

pytestmark = pytest.mark.integration

BOUND = 1 << 20
READ_BY_FASTAPI = [
    "/api/actions/fetch_payload_log/",
    "/api/payload-logs/",
    "/api/provenance/reports/",
]
READ_BY_US = ["/api/messages/", "/api/runs/", "/pcs/api/prod-requests/", "/login/"]


@pytest.fixture
def token_scopes():
    return ALL


def in_pieces(size: int) -> Iterator[bytes]:
    """A good JSON body whose length nobody is told."""
    yield b'{"pad": "'
    for _ in range(size // (1 << 16)):
        yield b"x" * (1 << 16)
    yield b'"}'


def test_one_in_pieces_above_the_bound_is_413_on_every_kind_of_door(api):
    for path in READ_BY_FASTAPI + READ_BY_US:
        headers = {"Content-Type": "application/json"}
        answer = api.post(path, content=in_pieces(2 * BOUND), headers=headers)
        assert (answer.status_code, answer.json()) == (
            413,
            {"body": [f"is larger than {BOUND} bytes"]},
        ), path


def test_one_in_pieces_below_the_bound_is_read(api):
    headers = {"Content-Type": "application/json"}
    for path in READ_BY_FASTAPI + READ_BY_US:
        answer = api.post(path, content=in_pieces(BOUND // 2), headers=headers)
        assert answer.status_code in {201, 400, 403}, path
