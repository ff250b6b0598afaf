"""A heartbeat that cannot be written ends neither itself nor its part."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine

from blocks.errors import OutsideUnavailable
from deployments import heartbeat
from deployments.heartbeat import Heartbeat
from flows.common.models import PartKind
from flows.common.settings import settings

NOBODY = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")  # never connected to


@pytest.mark.parametrize("error", [OutsideUnavailable("away"), KeyError("odd"), TypeError("odd")])
def test_whatever_is_wrong_with_a_heartbeat_the_next_one_is_tried(monkeypatch, error):
    tried: list[str] = []

    def beat(_session: object, _kind: object, name: str, **_: object) -> None:
        tried.append(name)
        raise error

    monkeypatch.setattr(heartbeat.standing, "beat", beat)
    part = Heartbeat(settings(), NOBODY, PartKind.RELAY, "here")
    part.beat()
    part.beat()
    assert tried == ["here", "here"]
