"""The scanner is a part that is heard, as far as it gets on with its scans."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sqlalchemy import select

from deployments import scanner, version
from flows.common.database import transaction
from flows.common.models import OpsPart, PartKind
from flows.common.settings import settings
from flows.fastmon import scan
from tests.databases import Database

pytestmark = pytest.mark.integration


class Stopped(BaseException):
    """The test has seen enough."""


def test_a_scanner_is_heard_with_the_code_that_it_runs(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRODOPS_FASTMON_WATCH_DIRS", str(tmp_path))
    monkeypatch.setenv("PRODOPS_FASTMON_WATCH_SECONDS", "0.001")
    settings.cache_clear()
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(scanner, "make_engine", lambda **_: database.ops_engine)
    real, scans = scan.scan, iter([True, False])

    def twice(*args: object, **more: object) -> scan.ScanReport:
        if not next(scans):
            raise Stopped
        return real(*args, **more)

    monkeypatch.setattr(scan, "scan", twice)
    with pytest.raises(Stopped):
        scanner.run(settings(), once=False)
    with transaction(database.web_engine) as session:
        [part] = session.scalars(select(OpsPart))
        assert (part.kind, part.restarts) == (PartKind.SCANNER, 0)
        assert part.details["version"] == version.own().row()
