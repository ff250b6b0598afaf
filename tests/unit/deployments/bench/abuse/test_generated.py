"""Without schemathesis the bench says so in one line, and exits with 2."""

from __future__ import annotations

import sys

import pytest

from deployments.bench.abuse import bench, generated


def test_a_missing_package_is_named_before_a_stack_is_started(monkeypatch):
    monkeypatch.setitem(sys.modules, "schemathesis", None)
    with pytest.raises(generated.GeneratorMissing, match=r"schemathesis.*make setup") as raised:
        bench.run(inputs=1)
    assert raised.value.exit_code == 2
