"""What the parts of a whole stack, and the runs of its worker, log is in the log table."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from flows.agents.models import AppLog
from flows.common.database import transaction
from tests.e2e.conftest import Site
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e


def lines(site: Site, **wanted: str) -> list[AppLog]:
    with transaction(site.engine) as session:
        query = select(AppLog).filter_by(**wanted).order_by(AppLog.timestamp, AppLog.id)
        return list(session.scalars(query))


@pytest.mark.parametrize(
    ("part", "words"),
    [("api", "Application startup complete."), ("worker", "the worker is ready")],
)
def test_a_part_s_start_is_there(site: Site, part: str, words: str):
    wait_until(lambda: any(words in each.message for each in lines(site, app_name=part)))


def test_the_lines_of_a_run_are_there_to_its_last_and_name_its_request(site: Site):
    request = site.ended(site.trigger("check_pipeline"))
    about = {
        "request_id": str(request.id),
        "flow_run_id": str(request.flow_run_id),
        "action": "check_pipeline",
    }

    def find() -> list[AppLog]:
        found = [each for each in lines(site, app_name="run") if each.extra_data == about]
        return found if found and found[-1].message.startswith("Finished in state") else []

    first = wait_until(find)[0]
    assert first.message.startswith("Beginning flow run '")
    assert f"#{request.id}'" in first.message
    assert f'id="line-{first.id}"' in site.api.get(f"/logs/?request={request.id}").text
