"""Fixtures of every test of the API."""

from __future__ import annotations

import pytest

from api.http import access


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an API process remembers of callers is soon asked for again."""
    monkeypatch.setattr(access, "_CACHE_SECONDS", 0.2)
