"""Prefect loses all that it had: what it needs of us is made again, and requests go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from deployments.bench.outage.faults import PrefectWiped
from deployments.bench.outage.outside import Prefect, Superuser
from flows.common import actions
from tests.e2e.conftest import Site, site_of, stf_message
from tests.stacks import running_stack
from tests.waiting import wait_until
from tests.whole_stack import QUICK

pytestmark = pytest.mark.e2e

CLAIM_SECONDS = 15
HEAL_SECONDS = 30


@pytest.fixture
def own_site() -> Iterator[Site]:
    with running_stack(QUICK) as stack, site_of(stack) as site:
        yield site


def deployments(site: Site) -> dict[str, Any]:
    """What Prefect knows of each deployment that decides when and how its runs begin."""
    pool = {"work_pools": {"name": {"any_": ["prodops"]}}}
    return {
        each["name"]: {
            "entrypoint": each["entrypoint"],
            "limit": (each["global_concurrency_limit"] or {}).get("limit"),
            "schedules": [schedule["schedule"] for schedule in each["schedules"]],
            "form": each["parameter_openapi_schema"],
            "pool": each["work_pool_name"],
        }
        for each in site.ask("POST", "/deployments/filter", **pool)
    }


def blocks(site: Site) -> set[str]:
    """The documents of the outside services at Prefect."""
    return {each["name"] for each in site.ask("POST", "/block_documents/filter")}


@pytest.mark.slow
def test_after_a_wipe_pool_deployments_and_limits_are_made_again_and_requests_go_on(
    own_site: Site,
):
    site, stack = own_site, own_site.stack
    assert site.ended(site.trigger("check_pipeline")).state == "completed"
    its_blocks = blocks(site)
    before, template = deployments(site), site.ask("GET", "/work_pools/prodops")
    assert set(before) == set(actions.all_actions())
    assert any(each["limit"] for each in before.values())
    with Prefect(stack) as prefect:
        wipe = PrefectWiped(stack, Superuser(stack), prefect)
        wipe.begin()
        waiting = [site.trigger("check_pipeline") for _ in range(3)]
        assert site.send(stf_message("wiped", 1)).status_code == 201
        wipe.end()
        wait_until(prefect.answers, 180)
    back = time.monotonic()
    wait_until(lambda: any(site.request(each).claimed_at for each in waiting), CLAIM_SECONDS)
    ends = [site.ended(each, HEAL_SECONDS) for each in waiting]
    assert {(end.state, end.error) for end in ends} == {("completed", None)}
    wait_until(lambda: site.inbox("wiped") == {"swf.wiped.000001.stf": "sampled"}, HEAL_SECONDS)
    assert time.monotonic() - back < HEAL_SECONDS
    wait_until(lambda: deployments(site) == before, HEAL_SECONDS)  # the last one comes last
    pool = site.ask("GET", "/work_pools/prodops")
    assert pool["base_job_template"] == template["base_job_template"]
    assert site.run_ended(site.start_in_prefect("check_pipeline"))["state_type"] == "COMPLETED"
    wait_until(lambda: blocks(site) == its_blocks != set())
