"""Configurations and production requests: listed by filters, and found by key or name."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.models import ProdConfig, ProdRequest
from api.pcs.queries.datasets import NoFilter
from api.pcs.queries.rows import equal, key_of, unknown
from flows.common.text import Text


def configs(session: Session, _wanted: NoFilter) -> list[ProdConfig]:
    """Every configuration, oldest first."""
    return list(session.scalars(select(ProdConfig).order_by(ProdConfig.id)))


def named_config(session: Session, key: str | int) -> ProdConfig:
    """The configuration that a field of something else names by key or by name.

    Raises:
        Invalid: There is none.
    """
    number = key_of(key)
    condition = ProdConfig.name == str(key) if number is None else ProdConfig.id == number
    found = session.scalar(select(ProdConfig).where(condition))
    if found is None:
        raise unknown("prod_config", key)
    return found


@dataclass(frozen=True, kw_only=True)
class ProdRequestFilter:
    """Which production requests a list shows; an absent field filters nothing."""

    status: Text | None = None


def prod_requests(session: Session, wanted: ProdRequestFilter) -> list[ProdRequest]:
    """The requests of a filter, oldest first."""
    query = equal(select(ProdRequest), wanted, status=ProdRequest.status)
    return list(session.scalars(query.order_by(ProdRequest.id)))
