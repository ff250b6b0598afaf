"""The AsyncAPI document by AsyncAPI's own schema, which npm has."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from deployments.asyncapi import document

PACKAGE = "@asyncapi/specs@6.11.1"
SCHEMA = "package/schemas/3.0.0-without-$id.json"


@pytest.fixture
def official(tmp_path: Path) -> dict[str, Any]:
    if (npm := shutil.which("npm")) is None:
        pytest.skip("no npm: it has the schema")
    subprocess.run([npm, "pack", PACKAGE], cwd=tmp_path, check=True, capture_output=True)
    [archive] = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as package:
        schema = package.extractfile(SCHEMA)
        assert schema is not None
        return json.load(schema)


def test_the_document_is_what_asyncapi_wants(official: dict[str, Any]) -> None:
    found = Draft7Validator(official).iter_errors(document.document())
    assert [each.message for each in found] == []


def test_the_schema_refuses_what_is_none(official: dict[str, Any]) -> None:
    assert not Draft7Validator(official).is_valid(document.document() | {"channels": 7})
