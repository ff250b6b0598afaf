"""Files of credentials are judged by owner, mode and kind; what is in them is never shown."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployments.doctor.findings import Condition
from deployments.doctor.site import Side
from deployments.doctor.subjects import credentials
from deployments.doctor.subjects.credentials import Kind, Secret, kind_of, of_end, of_file
from flows.common.settings import settings
from tests.unit.deployments.doctor.sites import site

CANARY = "c0ffee-canary-5e4c"
AT = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (CANARY, Kind.WORD),
        (f"admin:{CANARY}", Kind.LOGIN),
        (f"host:5432:*:prodops_ops:{CANARY}\n", Kind.PASSFILE),
        (f"# ours\nhost:5432:*:role:a\\:b{CANARY}", Kind.PASSFILE),
        (f'{{"id_token": "{CANARY}"}}', Kind.JSON),
        (f'{{"id_token": "{CANARY}', Kind.TEXT),
        ("eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2ln", Kind.JWT),
        (f"-----BEGIN PRIVATE KEY-----\n{CANARY}", Kind.PEM),
        (f"two {CANARY}", Kind.TEXT),
        (" \n", Kind.EMPTY),
        (b"\xff\xfe\x00", Kind.BINARY),
    ],
)
def test_what_a_file_holds_is_seen_by_reading_it(content, kind):
    assert kind_of(content if isinstance(content, bytes) else content.encode()) is kind


def secret(path: Path, *kinds: Kind) -> Secret:
    return Secret(
        name="token", path=path, setting="PRODOPS_X", kinds=frozenset(kinds), advice="make one"
    )


@pytest.mark.parametrize(
    ("content", "mode", "condition", "words"),
    [
        (CANARY, 0o600, Condition.OK, "one word"),
        (CANARY, 0o644, Condition.PROBLEM, "mode 0644"),
        (f"-----BEGIN CERTIFICATE-----{CANARY}", 0o600, Condition.PROBLEM, "holds certificates"),
        ("", 0o600, Condition.PROBLEM, "holds nothing"),
        (None, 0o600, Condition.PROBLEM, "cannot be read"),
    ],
)
def test_a_file_is_private_and_of_its_kind_and_its_content_is_never_said(
    tmp_path: Path, content, mode, condition, words
):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    found = of_file(secret(path, Kind.WORD))
    assert (found.condition, words in found.text, CANARY in f"{found}") == (condition, True, False)
    assert bool(found.advice) is (condition is not Condition.OK)


def test_a_file_of_another_user_is_told(tmp_path: Path, monkeypatch):
    path = tmp_path / "token"
    path.write_text(CANARY)
    path.chmod(0o600)
    monkeypatch.setattr(credentials.os, "geteuid", lambda: os.getuid() + 7)
    assert of_file(secret(path, Kind.WORD)).condition is Condition.WARNING


def test_each_side_has_its_own_files(monkeypatch):
    monkeypatch.setenv("PRODOPS_API_COOKIE_KEY_FILE", "/c")
    monkeypatch.setenv("PRODOPS_PREFECT_PASSWORD_FILE", "/p")
    monkeypatch.setenv("PRODOPS_PANDA_URL_SSL", "https://panda:25443/server/panda")
    settings.cache_clear()
    names = {
        side: [each.name for each in credentials.secrets_of(settings(), side)] for side in Side
    }
    assert names == {Side.WEB: ["cookie key"], Side.OPS: ["Prefect password", "PanDA token"]}


@pytest.mark.parametrize(
    ("days", "more", "condition"),
    [
        (30, {}, Condition.OK),
        (2, {}, Condition.WARNING),
        (-1, {}, Condition.PROBLEM),
        (0.01, {"is_renewed": True}, Condition.OK),
        (-1, {"is_renewed": True}, Condition.PROBLEM),
        (30, {"problem": "is not ours"}, Condition.PROBLEM),
    ],
)
def test_an_end_is_judged_by_the_thresholds_of_the_events(days, more, condition):
    until = (AT + timedelta(days=days)).isoformat()
    row = {"kind": "x509 proxy", "not_after": until, "problem": None, "is_renewed": False} | more
    assert of_end(row, site(clock=lambda: AT)).condition is condition
