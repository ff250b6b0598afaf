"""Databases that are kept are filled once, and never with other rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.bench.common.stack import BenchBroken
from deployments.bench.growth import filling
from deployments.bench.growth.amounts import Amounts
from deployments.bench.growth.filling import Filled, fill

FILLED = Filled(12.5, {"full": {"request": 7}})


@pytest.fixture
def found(tmp_path: Path) -> Any:
    return SimpleNamespace(record=tmp_path / "filled.json")


def test_what_was_kept_is_not_filled_again(found, monkeypatch):
    times: list[object] = []
    monkeypatch.setattr(filling, "_fill", lambda *given: times.append(given) or FILLED)
    wanted = {"full": Amounts()}
    assert fill(found, wanted) == fill(found, wanted) == FILLED
    assert len(times) == 1


def test_what_was_filled_with_other_rows_is_refused(found):
    amounts = {"full": asdict(Amounts.scaled(0.1))}
    found.record.write_text(json.dumps({"amounts": amounts, **asdict(FILLED)}))
    with pytest.raises(BenchBroken, match="other rows"):
        fill(found, {"full": Amounts()})
