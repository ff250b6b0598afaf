"""What a canary has brought into the tables of data taking is removed, and nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from flows.canary import repository
from flows.common import canary
from flows.common.database import transaction
from tests.sampled_run import messages_of, sample, take_in

pytestmark = pytest.mark.integration

TABLES = (
    "fastmon_inbox", "fastmon_first_stf", "swf_stf_files", "swf_fastmon_files", "swf_runs"
)  # fmt: skip


def counts(engine) -> dict[str, int | None]:
    with transaction(engine) as session:
        return {
            each: session.scalar(text(f"SELECT count(*) FROM {each}"))  # constants
            for each in TABLES
        }


def remove(engine) -> None:
    with transaction(engine) as session:
        repository.remove_traces(session)


def test_the_traces_of_canaries_are_removed_and_those_of_others_stay(database):
    engine = database.ops_engine
    take_in(engine, messages_of(100123, 2))
    sample(engine)
    before = counts(engine)
    take_in(engine, messages_of(canary.RUN_NUMBER, 2, namespace=canary.NAMESPACE))
    remove(engine)
    assert counts(engine)["fastmon_inbox"] == 4, "what waits is the sampler's"
    sample(engine, namespace=canary.NAMESPACE)
    with transaction(engine) as session:
        name = session.scalar(
            text("SELECT stf_filename FROM fastmon_inbox WHERE namespace = 'canary' LIMIT 1")
        )
        assert repository.count_tfs(session, name) == 7
    remove(engine)
    assert counts(engine) == before


def test_a_real_run_of_the_canary_s_number_stays(database):
    take_in(database.ops_engine, messages_of(canary.RUN_NUMBER, 1))
    sample(database.ops_engine)
    before = counts(database.ops_engine)
    remove(database.ops_engine)
    assert counts(database.ops_engine) == before
