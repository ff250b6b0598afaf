"""A whole stack in one scrape and one trace: web, worker, and the run that it forks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Site, site_of
from tests.stacks import running_stack
from tests.support.metrics import Scrape
from tests.trace_receiver import Receiver, trace_receiver
from tests.waiting import wait_until
from tests.whole_stack import QUICK

pytestmark = [pytest.mark.e2e, pytest.mark.slow]  # a stack of its own: traces are a setting


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with trace_receiver() as found:
        yield found


@pytest.fixture(scope="module")
def own_site(receiver: Receiver) -> Iterator[Site]:
    given = {**QUICK, "PRODOPS_TRACES_URL": receiver.url, "PRODOPS_LOG_FORMAT": "json"}
    with running_stack(given) as stack, site_of(stack) as site:
        yield site


def test_one_trace_leads_from_the_web_tier_into_the_forked_run(own_site: Site, receiver: Receiver):
    ended = own_site.ended(own_site.trigger("check_pipeline"))
    trace = (ended.traceparent or "").split("-")[1]

    def found() -> list[tuple[str, str]]:
        mine = [each for each in receiver.spans if each.trace_id == trace]
        return [(each.service, each.name) for each in mine]

    wait_until(lambda: ("prodops-run", "check_pipeline") in found())
    wait_until(lambda: any(service == "prodops-api" for service, _ in found()))
    assert any(service == "prodops-run" and "SELECT" in name for service, name in found())


def test_log_lines_of_worker_and_run_are_objects_that_say_what_they_are_about(own_site: Site):
    ended = own_site.ended(own_site.trigger("check_pipeline"))
    log = own_site.stack.state_dir / "logs" / "worker.log"
    wanted = f'"request_id": "{ended.id}", "flow_run_id": "{ended.flow_run_id}"'
    wait_until(lambda: wanted in log.read_text())


def test_one_scrape_has_all_parts(own_site: Site):
    own_site.ended(own_site.trigger("check_pipeline"))
    labels = {"action": "check_pipeline", "state": "completed"}
    heard = "prodops_part_last_heard_seconds"

    def scrape() -> Scrape:
        return Scrape(own_site.api)

    wait_until(lambda: scrape().value("prodops_request_state_entered_total", **labels))
    kinds = {each.labels["kind"] for each in scrape().samples if each.name == heard}
    assert {"worker", "relay"} <= kinds
    wait_until(lambda: scrape().value("prodops_run_slots") is not None)
    calls = [each for each in scrape().samples if each.name == "prodops_outside_calls_total"]
    assert {"prefect"} <= {each.labels["system"] for each in calls}
