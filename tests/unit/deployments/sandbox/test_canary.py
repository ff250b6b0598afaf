"""The sandbox names what it has for the canary, and nothing that it has not."""

import pytest

from deployments.sandbox.canary import canary_environment
from flows.common.settings import settings


@pytest.mark.parametrize(
    ("grid", "panda", "names"),
    [
        ("true", "true", {"PRODOPS_CANARY_CAMPAIGN", "PRODOPS_CANARY_LOG_JOB"}),
        ("true", "false", {"PRODOPS_CANARY_CAMPAIGN"}),
        ("false", "true", set()),
    ],
)
def test_what_is_there_for_the_canary_is_named(monkeypatch, grid, panda, names):
    monkeypatch.setenv("PRODOPS_SANDBOX_GRID", grid)
    monkeypatch.setenv("PRODOPS_SANDBOX_PANDA", panda)
    settings.cache_clear()
    assert set(canary_environment(settings())) == names
