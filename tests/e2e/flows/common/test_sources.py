"""What an operator changes in a block counts from the next run on, without a restart."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.sandbox.grid.programs import has_doors
from flows.common.models import RequestState
from tests.e2e.conftest import Site
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

BLOCK = "rucio-catalog/prodops-rucio-produced"


def edit(site: Site, **data: Any) -> None:
    """Change fields of the block, as Prefect's UI does."""
    slug, _, name = BLOCK.partition("/")
    found = site.ask("GET", f"/block_types/slug/{slug}/block_documents/name/{name}")
    site.ask("PATCH", f"/block_documents/{found['id']}", data=data)


def lines(site: Site, flow_run_id: Any) -> list[str]:
    wanted = {"flow_run_id": {"any_": [str(flow_run_id)]}}
    return [each["message"] for each in site.ask("POST", "/logs/filter", logs=wanted)]


def test_a_change_in_a_block_is_used_by_the_next_run_without_a_restart(site):
    wanted = {"scope": "epic", "name": "/nothing/of/that/name"}
    worker = site.stack.pid("worker")
    edit(site, username="nobody")
    try:
        refused = site.ended(site.trigger("read_did", **wanted))
    finally:
        edit(site, username="eicread")
    assert refused.state == RequestState.FAILED
    assert refused.error.startswith("Rucio does not let us in")
    request = site.ended(site.trigger("read_did", **wanted))
    assert request.state == RequestState.COMPLETED
    assert site.stack.pid("worker") == worker
    said = "Rucio of produced data from block prodops-rucio-produced"
    wait_until(lambda: said in lines(site, request.flow_run_id))


@pytest.mark.slow
def test_the_stack_s_blocks_are_good(site):
    checked = site.cli("block", "check", "--all")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = {tuple(line.split("\t")[:3]) for line in checked.stdout.splitlines()}
    assert ("panda-server/prodops-panda", "is alive", "good") in found
    assert (BLOCK, "whoami", "good") in found
    assert ("x509-proxy/prodops-proxy", "proxy", "good") in found
    if has_doors(site.stack.settings):
        assert ("xrootd-storage/prodops-xrootd", "door", "good") in found
