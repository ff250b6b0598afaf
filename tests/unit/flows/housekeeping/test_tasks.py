"""Flow runs that Prefect does not delete are named, and keep no other from being deleted."""

from __future__ import annotations

import itertools
import uuid
from types import SimpleNamespace
from typing import Any, Self

import httpx
import pytest
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from flows.common.settings import settings
from flows.housekeeping import tasks

PAGE = 4


class FakePrefect:
    """Prefect with some old runs; some of them have an answer other than that they are deleted."""

    def __init__(self, number: int) -> None:
        self.runs = [uuid.UUID(int=each) for each in range(number)]
        self.answers: dict[uuid.UUID, Exception] = {}
        self.artifacts: dict[uuid.UUID, list[uuid.UUID]] = {}  # of runs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read_flow_runs(self, *, flow_run_filter: Any, limit: int) -> list[Any]:
        excluded = flow_run_filter.id.not_any_ if flow_run_filter.id else []
        left = [each for each in self.runs if each not in excluded]
        return [Run(each) for each in left[:limit]]

    def read_artifacts(self, *, artifact_filter: Any, offset: int) -> list[Any]:
        wanted = artifact_filter.flow_run_id.any_
        found = [Left(each, run) for run in wanted for each in self.artifacts.get(run, [])]
        return found[offset : offset + PAGE]

    def delete_artifact(self, key: uuid.UUID) -> None:
        for artifacts in self.artifacts.values():
            if key in artifacts:
                artifacts.remove(key)
                return
        raise ObjectNotFound(Exception("deleted"))

    def delete_flow_run(self, key: uuid.UUID) -> None:
        error = self.answers.get(key)
        if error is None or isinstance(error, ObjectNotFound):
            self.runs.remove(key)
        if error is not None:
            raise error


class Run:
    def __init__(self, key: uuid.UUID) -> None:
        self.id = key


class Left:
    def __init__(self, key: uuid.UUID, flow_run_id: uuid.UUID) -> None:
        self.id, self.flow_run_id = key, flow_run_id


def refusal(status: int) -> PrefectHTTPStatusError:
    request = httpx.Request("POST", "http://prefect")
    response = httpx.Response(status, request=request)
    return PrefectHTTPStatusError("no", request=request, response=response)


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> FakePrefect:
    fake = FakePrefect(10)
    monkeypatch.setattr(tasks, "get_client", lambda **_: fake)
    monkeypatch.setattr(tasks, "_RUNS_AT_A_TIME", PAGE)
    return fake


def test_all_old_runs_are_deleted_page_by_page(prefect):
    assert tasks.delete_old_flow_runs.fn() == {"deleted": 10, "is_finished": True}
    assert prefect.runs == []


def test_it_ends_after_its_time_and_the_next_pruning_goes_on(prefect, monkeypatch):
    clock = itertools.count(0.0, 100.0)  # a run takes 100 s, and a quarter of 1,000 s is there
    monkeypatch.setenv("PRODOPS_HISTORY_PRUNE_SECONDS", "1000")
    settings.cache_clear()
    # Not in the module itself: other threads ask it, too.
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert tasks.delete_old_flow_runs.fn() == {"deleted": 2, "is_finished": False}
    assert len(prefect.runs) == 8
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize("bad", [[0], [3, 4], [0, 1, 2, 3, 9]])
def test_runs_that_prefect_does_not_delete_keep_no_other(prefect, bad):
    keys = [uuid.UUID(int=each) for each in bad]
    prefect.answers = dict.fromkeys(keys, refusal(500))
    with pytest.raises(tasks.RunsKept, match=f"{keys[0]} .Prefect answers 500") as kept:
        tasks.delete_old_flow_runs.fn()
    assert prefect.runs == keys
    assert "\n" not in str(kept.value)


def test_a_run_that_somebody_else_deleted_is_gone(prefect):
    prefect.answers = {uuid.UUID(int=2): ObjectNotFound(Exception("gone"))}
    assert tasks.delete_old_flow_runs.fn() == {"deleted": 10, "is_finished": True}


def test_where_prefect_deletes_nothing_at_all_it_is_not_asked_for_every_run(prefect, monkeypatch):
    monkeypatch.setattr(tasks, "_MOST_KEPT", 6)
    prefect.answers = dict.fromkeys(prefect.runs, refusal(403))
    with pytest.raises(tasks.RunsKept, match="and 2 more"):
        tasks.delete_old_flow_runs.fn()


def test_prefect_that_is_away_is_no_bad_run(prefect):
    prefect.answers = {uuid.UUID(int=0): httpx.ConnectError("away")}
    with pytest.raises(httpx.ConnectError):
        tasks.delete_old_flow_runs.fn()


def test_the_artifacts_of_old_runs_go_with_them(prefect):
    prefect.artifacts = {run: [uuid.uuid4() for _ in range(2 * PAGE)] for run in prefect.runs[:3]}
    kept = uuid.uuid4()
    prefect.artifacts[uuid.uuid4()] = [kept]
    assert tasks.delete_old_flow_runs.fn() == {"deleted": 10, "is_finished": True}
    assert [each for left in prefect.artifacts.values() for each in left] == [kept]
