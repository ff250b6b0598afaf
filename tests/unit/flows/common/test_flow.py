"""A flow made of its action: what Prefect sees of it, and what its function is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import pytest
from prefect.utilities.callables import parameter_schema
from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import Invalid, NotFound, OutsideUnavailable, Refused
from flows.common import claims
from flows.common import flow as flows
from flows.common.actions import Action, OnLost
from flows.common.claims import Claim, ClaimLost
from flows.common.credential_paths import PLACEHOLDER, CredentialPaths
from flows.common.run import RunPutOff


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["fast", "slow"] = Field(description="How.")
    number: int = Field(1, ge=1, le=9, description="How many.")


ORDER = Action(
    name="take_order",
    summary="Take an order.",
    parameters=Order,
    dedup_key=lambda _: None,
    subject=lambda _: None,
    timeout_seconds=60,
    on_lost=OnLost.FAIL,
)


@flows.flow(ORDER)
def take_order(order: Order) -> Order:
    return order


@pytest.fixture
def claimed(monkeypatch):
    monkeypatch.setenv("PRODOPS_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/prodops")
    claims.hold(Claim(1, 1))
    yield
    claims.hold(None)


def test_to_prefect_the_parameters_are_the_forms_fields():
    schema = parameter_schema(take_order)
    assert schema.required == ["kind"]
    assert schema.properties["kind"]["enum"] == ["fast", "slow"]
    assert schema.properties["number"]["description"] == "How many."
    assert take_order.name == "take-order"


def test_the_function_gets_the_form(claimed):
    assert take_order.fn(kind="slow") == Order(kind="slow", number=1)


@pytest.mark.parametrize("wrong", [{"kind": "late"}, {"kind": "slow", "number": 10}, {}])
def test_what_is_not_of_the_form_is_refused_by_its_fields(claimed, wrong):
    with pytest.raises(Invalid, match="take_order"):
        take_order.fn(**wrong)


def test_a_flow_needs_a_claim():
    with pytest.raises(ClaimLost, match="outside a request"):
        take_order.fn(kind="slow")


def test_where_prefect_runs_it_a_foreseen_end_is_a_state(claimed, monkeypatch):
    monkeypatch.setattr(flows.FlowRunContext, "get", lambda: "a run")
    state = take_order.fn(kind="late")
    assert (state.name, state.is_cancelled()) == ("Invalid", True)
    assert state.message.startswith("take_order: kind:")


def test_what_nobody_foresaw_names_no_path_of_a_credential(claimed, monkeypatch, tmp_path):
    known = CredentialPaths()
    known.add([tmp_path])
    monkeypatch.setattr(flows, "credential_paths", known)

    @flows.flow(ORDER)
    def lose_order(_: Order) -> None:
        raise OutsideUnavailable(f"no {tmp_path}")

    with pytest.raises(OutsideUnavailable, match=re.escape(f"no {PLACEHOLDER}")):
        lose_order.fn(kind="slow")


@dataclass
class TaskRun:
    """A run of a task at Prefect, which has been begun so often."""

    run_count: int

    @property
    def task_run(self) -> TaskRun:
        return self


@pytest.fixture
def begun(monkeypatch):
    """A task run that has been begun so often."""

    def begun(times: int) -> None:
        monkeypatch.setattr(flows.TaskRunContext, "get", lambda: TaskRun(times))

    return begun


def fail(error: Exception) -> None:
    raise error


look_up = flows.task("look it up", delays=(), repeated=(RunPutOff,))(fail)
ask = flows.task("ask", delays=(1.0, 2.0), puts_off=True)(fail)


@pytest.mark.parametrize("error", [Refused("no"), NotFound("nothing")])
def test_where_prefect_runs_a_task_its_foreseen_error_is_no_failure(begun, error):
    with pytest.raises(type(error)):
        look_up.fn(error)
    begun(1)
    state = look_up.fn(error)
    assert (state.name, state.is_completed()) == (type(error).__name__, True)
    assert state.data is error


@pytest.mark.parametrize("error", [RunPutOff("again"), OutsideUnavailable("away"), KeyError("x")])
def test_what_is_repeated_or_was_not_foreseen_is_raised_to_prefect(begun, error):
    begun(1)
    with pytest.raises(type(error)):
        look_up.fn(error)


def test_an_outage_that_outlasts_the_repetitions_puts_off_where_the_flow_does(begun):
    outage = OutsideUnavailable("away")
    begun(2)
    with pytest.raises(OutsideUnavailable):
        ask.fn(outage)
    begun(3)
    state = ask.fn(outage)
    assert (state.name, state.is_completed(), state.data) == ("PutOff", True, outage)
