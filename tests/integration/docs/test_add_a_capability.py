"""The how-to "add a capability", followed: its files, in a copy of the tree, are a capability."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from deployments.reference import ROOT
from flows.common.callers import Scope

pytestmark = pytest.mark.integration

PAGE = ROOT / "docs" / "how-to" / "add-a-capability.md"
BLOCK = re.compile(r"^```\w+ (file|append)=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PACKAGES = ("api", "blocks", "deployments", "flows")
ADLER32 = "ad:062c0215"  # of b"hello"

DRIVER = """
import asyncio, json, sys
import httpx
import yaml
from sqlalchemy import text

import flows
from api.http.app import create_app
from deployments import catalogue, local_run
from deployments.access import publish_access
from flows.common.callers import on_ops_side
from flows.common.database import database_url, make_engine, migrate, transaction
from flows.common.settings import settings

path, expected, token = sys.argv[1:]
told = {"from": flows.__path__[0]}

async def ask():
    app = create_app(settings())
    headers = {"Authorization": f"Token {token}"}
    transport = httpx.ASGITransport(app=app)
    base_url = "http://localhost"
    async with httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers) as http:
        listed = (await http.get("/api/actions/")).json()
        told["actions"] = [each["name"] for each in listed]
        bad = await http.post("/api/actions/check_file/", json={"path": "relative"})
        good = await http.post("/api/actions/check_file/", json={"path": "/elsewhere"})
        told["listed"] = (await http.get("/api/file-checks/")).json()
    told["bad"] = [bad.status_code, sorted(bad.json())]
    told["good"] = [good.status_code, good.json()["state"]]
    app.state.engine.dispose()

migrate(database_url().render_as_string(hide_password=False), settings().database.passfile)
engine = make_engine(pool_size=2)
with transaction(engine) as session:
    publish_access(session)
asyncio.run(ask())
told["deployments"] = list(yaml.safe_load(catalogue.prefect_yaml())["deployments"])
parameters = {"path": path, "expected_adler32": expected}
ended = local_run.run(engine, "check_file", parameters, caller=on_ops_side("a test"))
told["state"], told["result"] = ended.state, ended.result
with transaction(engine) as session:
    told["rows"] = session.scalar(text("SELECT count(*) FROM file_check WHERE verdict = 'good'"))
    told["event"] = session.scalar(text("SELECT payload FROM event WHERE msg_type='file_checked'"))
engine.dispose()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree with what the page adds to it."""
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tree)
    for how, name, content in BLOCK.findall(PAGE.read_text()):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert path.exists() == (how == "append"), name
        before = path.read_text() if how == "append" else ""
        path.write_text(before + content.replace('"0001"', f'"{newest_revision()}"'))
    return tree


def newest_revision() -> str:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "deployments" / "migrations"))
    [head] = ScriptDirectory.from_config(config).get_heads()
    return head


def run(tree: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree), **more}
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def test_the_page_holds_every_file_of_a_capability(tree):
    def names(layer: str) -> set[str]:
        return {path.stem for path in (tree / layer / "file_check").iterdir()} - {"__init__"}

    assert names("flows") == {"actions", "domain", "flow", "messages", "models", "tasks"}
    assert names("api") == {"queries", "routes"}


def test_what_it_adds_keeps_the_house_style(tree):
    added = [name for how, name, _ in BLOCK.findall(PAGE.read_text()) if how == "file"]

    run(tree, "-m", "ruff", "check", *added)
    run(tree, "-m", "ruff", "format", "--check", *added)


def test_its_domain_test_passes(tree):
    test = "tests/unit/flows/file_check/test_domain.py"

    run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", test)


@pytest.mark.slow
def test_the_capability_is_discovered_and_runs(tree, database, prefect_environment, tmp_path):
    file = tmp_path / "hello"
    file.write_text("hello")
    (tree / "driver.py").write_text(DRIVER)

    told = told_by(run(
        tree, "driver.py", str(file), ADLER32, database.create_token("tester", Scope.OPERATE),
        HOME=str(tmp_path), PREFECT_HOME=str(tmp_path / "prefect"), **prefect_environment,
    ))  # fmt: skip

    assert told["from"] == str(tree / "flows")
    assert "check_file" in told["actions"]
    assert "check_file" in [each["name"] for each in told["deployments"]]
    assert told["listed"] == []
    assert told["bad"] == [400, ["path"]]
    assert told["good"] == [202, "queued"]
    found = {"path": str(file), "adler32": ADLER32, "verdict": "good"}
    assert (told["state"], told["result"], told["rows"]) == ("completed", found, 1)
    assert found.items() <= told["event"].items()


def told_by(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told
