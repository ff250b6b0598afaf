"""What tests of several modules of the worker need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from flows.common.models import Request
from tests.e2e.conftest import Site
from tests.waiting import wait_until


@pytest.fixture
def waits_for_a_slot(site: Site) -> Iterator[Request]:
    """A request whose run waits for its deployment's only slot, which the test holds."""
    slot = {"names": [f"deployment:{site.deployment('prune_history')}"], "slots": 1}
    site.ask("POST", "/v2/concurrency_limits/increment", **slot, mode="concurrency")
    try:
        request_id = site.trigger("prune_history")
        run = wait_until(lambda: site.request(request_id).flow_run_id)
        wait_until(lambda: site.run_state(run) == "AwaitingConcurrencySlot")
        yield site.request(request_id)
    finally:
        with suppress(httpx.HTTPStatusError):  # its deployment was deleted, and the limit with it
            site.ask("POST", "/v2/concurrency_limits/decrement", **slot)
