"""What the process of another pool's run makes of its environment."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from blocks.documents import BlockName
from deployments.other_pools import environment
from flows.common.settings import settings
from tests.databases import Database

pytestmark = pytest.mark.integration

KEPT = {"prodops-panda": "panda-server", "prodops-xrootd": "xrootd-storage"}


class Api:
    """Prefect's API, with two of the documents that the warm worker keeps."""

    def documents(self, wanted: Any) -> dict[BlockName, Any]:
        return {each: {} for each in wanted if KEPT.get(each.name) == each.type_slug}


@pytest.fixture
def prepared(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PRODOPS_PANDA_BLOCK", "PRODOPS_XROOTD_BLOCK", "PRODOPS_PREFECT_API_URL",
                 "PRODOPS_PREFECT_PASSWORD_FILE", "_PRODOPS_WORKER"):  # fmt: skip
        monkeypatch.setenv(name, "")  # what is set below is taken back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:canary")
    monkeypatch.setattr(environment, "prefect_api", lambda _: Api())
    monkeypatch.setattr(environment, "bound_retries", lambda: None)
    monkeypatch.setattr(environment, "_lead_a_session", lambda: None)
    environment.prepare()


def test_outside_services_come_from_the_blocks_that_the_warm_worker_keeps(prepared):
    assert settings().panda.block == "prodops-panda"
    assert settings().rucio_logs.block is None


def test_prefects_password_is_in_a_file_in_memory_and_no_child_inherits_it(prepared):
    path = settings().prefect.password_file
    assert path is not None
    assert path.read_text() == "admin:canary"
    assert str(path).startswith(f"/proc/{os.getpid()}/fd/")
    assert "canary" not in "".join(os.environ.values())
    assert stat.S_ISREG(Path(path).stat().st_mode)
