"""When the notifier looks at alarms: by its clock, and sooner after something happened."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from deployments.notifier import alarms
from deployments.notifier.alarms import Alarms


@pytest.mark.parametrize(
    ("has_news", "looks"), [(False, [0, 60, 120]), (True, [0, 10, 20, 30, 40, 50, 60])]
)
def test_alarms_are_looked_at_by_the_clock_and_sooner_after_news(monkeypatch, has_news, looks):
    clock, looked = [0.0], []
    monkeypatch.setattr(alarms, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(Alarms, "look", lambda _self, _at: looked.append(clock[0]))
    judge = Alarms(engine=None)
    for second in range(0, looks[-1] + 1, 5):
        clock[0] = float(second)
        judge.look_if_due(has_news=has_news)
    assert looked == looks
