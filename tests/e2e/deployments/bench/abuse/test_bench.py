"""A small run of the abuse bench: everything of it, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.bench.abuse import bench, world
from deployments.stack.temporary import temporary_environment, temporary_settings
from tests.template import fill

pytestmark = pytest.mark.e2e


@pytest.fixture
def begun_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the bench's stack begin with the template's databases."""
    state_dir = {"PRODOPS_STATE_DIR": str(tmp_path / "state")}
    own = world.settings_of

    def settings_of(place: Path) -> dict[str, str]:
        given = own(place) | state_dir
        fill(temporary_settings(temporary_environment(given)), is_durable=True)
        return given

    monkeypatch.setattr(world, "settings_of", settings_of)


@pytest.mark.usefixtures("begun_stack")
@pytest.mark.slow
def test_nothing_gives_way():
    report = bench.run(inputs=150, seed=3)
    figures = {figure.name: figure.value for figure in report.figures}
    assert figures == {
        "inputs": 150,
        "server_errors": 0,
        "ended_parts": 0,
        "beyond_scope": 0,
        "leaks": 0,
    }, report.as_text()
