"""A flow made of its action: what Prefect sees of it, and what its function is given."""

from __future__ import annotations

from typing import Literal

import pytest
from prefect.utilities.callables import parameter_schema
from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import Invalid
from flows.common import claims
from flows.common import flow as flows
from flows.common.actions import Action, OnLost
from flows.common.claims import Claim, ClaimLost


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
