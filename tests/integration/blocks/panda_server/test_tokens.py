"""Tokens for PanDA: the cached one, refreshed once and whole, and the robot's."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.panda_server import CachedToken, RobotToken, TokenRefused
from blocks.panda_server.errors import PandaUnavailable
from deployments.reference import ROOT
from deployments.sandbox.panda import PandaSandbox
from tests.cases import same
from tests.waiting import PATIENCE

pytestmark = pytest.mark.integration
VO = "EIC.production"
NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture
def panda(tmp_path: Path) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda", refine_seconds=0) as running:
        yield running


def source(panda: PandaSandbox, **more: Any) -> CachedToken:
    return CachedToken(
        panda.config_root, **{"server_url": panda.url, "vo": VO, "margin_seconds": 60, **more}
    )


def token_file(panda: PandaSandbox) -> Path:
    return panda.config_root / ".token"


def store(panda: PandaSandbox, *, seconds: float, with_refresh: bool = True) -> dict[str, Any]:
    """Make the stored token one that expires so soon."""
    panda.issuer.write_token(panda.config_root, seconds=seconds)
    fields: dict[str, Any] = json.loads(token_file(panda).read_text())
    if not with_refresh:
        del fields["refresh_token"]
        token_file(panda).write_text(json.dumps(fields))
    return fields


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def refusal(tokens: CachedToken | RobotToken) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        tokens.identity()
    return caught.value


def shown(error: ProdOpsError) -> str:
    chain = [error, error.__cause__, error.__context__]
    return " ".join(f"{each} {each!r}" for each in chain)


def test_a_good_token_is_used_as_it_is(panda: PandaSandbox):
    identity = source(panda).identity()
    assert identity.token == json.loads(token_file(panda).read_text())["id_token"]
    assert (identity.name, identity.preferred_username) == ("Prod Ops", "prodops")
    assert panda.journal("token") == []


def test_an_absent_token_is_refused_with_the_command_that_gets_one(panda: PandaSandbox):
    token_file(panda).unlink()
    refused = refusal(source(panda))
    assert "there is no token in" in str(refused)
    assert "PANDA_AUTH_VO=EIC.production" in str(refused)
    assert f"PANDA_CONFIG_ROOT={panda.config_root}" in str(refused)


def test_the_command_of_a_refusal_really_gets_a_new_token(panda: PandaSandbox):
    old = store(panda, seconds=-5, with_refresh=False)
    command = refusal(source(panda)).renewal
    assert command is not None
    with subprocess.Popen(
        ["bash", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as person:
        assert person.stdout is not None
        assert person.stdin is not None
        page = next(
            re.findall(r"http\S+user_code=\w+", line) for line in person.stdout if "go to" in line
        )
        httpx.get(page[0]).raise_for_status()
        person.communicate("y\n", timeout=PATIENCE)
    identity = source(panda).identity()
    assert identity.seconds_left > 60
    assert identity.token != old["id_token"]
    assert identity.remarks == ()


@pytest.mark.parametrize("seconds", [-5, 30])
def test_a_token_that_expires_and_cannot_be_refreshed_is_refused_with_its_expiry(
    panda: PandaSandbox, seconds: float
):
    store(panda, seconds=seconds, with_refresh=False)
    verb = "expired" if seconds < 0 else "expires"
    assert re.search(rf"of Prod Ops {verb} at 2\d\d\d-\d\d-\d\d", str(refusal(source(panda))))


def test_a_token_that_expires_soon_is_refreshed_and_kept_private(panda: PandaSandbox):
    old = store(panda, seconds=30)
    identity = source(panda).identity()
    kept = json.loads(token_file(panda).read_text())
    assert kept["id_token"] == identity.token != old["id_token"]
    assert mode_of(token_file(panda)) == 0o600
    assert names_in(panda.config_root) == {".token", ".token.lock"}


def test_what_the_issuer_s_answer_lacks_is_kept(panda: PandaSandbox, monkeypatch):
    old = store(panda, seconds=30)
    fresh = {"id_token": panda.token()}
    monkeypatch.setattr("blocks.panda_server.issuer.Issuer.grant", lambda *_: fresh)
    source(panda).identity()
    kept = json.loads(token_file(panda).read_text())
    assert kept == old | fresh


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://iam.elsewhere.example/"}, "it is of iam.elsewhere.example"),
        ({"aud": "rucio"}, "it is for rucio"),
    ],
)
def test_a_foreign_token_is_refused_before_it_is_sent_anywhere(panda: PandaSandbox, claims, said):
    made = {"name": "Somebody Else", "exp": time.time() - 5, "iss": panda.url} | claims
    token = jwt.encode(made, "a key that nobody here knows, 32 bytes", "HS256")
    fields = {"id_token": token, "refresh_token": "somebody-else-s"}
    token_file(panda).write_text(json.dumps(fields))
    refused = refusal(source(panda))
    assert f"the token of Somebody Else is foreign: {said}" in str(refused)
    assert panda.journal("token") == []


@pytest.mark.parametrize("content", ["", "no json", "[]", "{}", '{"id_token": 7}', "\x00"])
def test_a_file_that_holds_no_token_is_refused(panda: PandaSandbox, content: str):
    token_file(panda).write_text(content)
    assert "renew it: (umask 077;" in str(refusal(source(panda)))


def test_a_file_that_is_open_to_others_is_closed_and_that_is_told(panda: PandaSandbox):
    token_file(panda).chmod(0o644)
    remarks = source(panda).identity().remarks
    assert mode_of(token_file(panda)) == 0o600
    assert remarks == (f"{token_file(panda)} was open to others (mode 0644); it is 0600 now",)


def test_a_file_that_everybody_may_write_or_another_owns_is_refused(
    panda: PandaSandbox, monkeypatch
):
    token_file(panda).chmod(0o602)
    assert "written by everybody" in str(refusal(source(panda)))
    token_file(panda).chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: token_file(panda).stat().st_uid + 1)
    assert "belongs to another user" in str(refusal(source(panda)))


def test_a_refused_refresh_says_the_expiry_and_no_secret(panda: PandaSandbox, monkeypatch):
    old = store(panda, seconds=30)
    panda.change_tokens(refuse_refresh=True)
    refused = refusal(source(panda))
    assert "expires at" in str(refused)
    assert "invalid_grant" in str(refused)
    assert old["refresh_token"] not in shown(refused)
    assert old["id_token"] not in shown(refused)
    assert json.loads(token_file(panda).read_text()) == old


@pytest.mark.parametrize("kind", ["500", "drop", "html", "truncate"])
def test_while_the_issuer_is_out_a_good_token_is_used_and_that_is_told(
    panda: PandaSandbox, kind: str
):
    old = store(panda, seconds=30)
    panda.fault("token", kind)
    identity = source(panda).identity()
    assert identity.token == old["id_token"]
    assert "could not be refreshed" in identity.remarks[0]


def test_an_expired_token_of_an_issuer_that_is_out_waits_for_it(panda: PandaSandbox):
    old = store(panda, seconds=-5)
    with pytest.raises(PandaUnavailable, match=r"the token expired at .*; no answer") as caught:
        source(panda, server_url=NOBODY_LISTENS).identity()
    assert old["refresh_token"] not in shown(caught.value)


def test_a_full_disk_is_noticed_before_the_refresh_token_is_used_up(
    panda: PandaSandbox, monkeypatch
):
    old = store(panda, seconds=30)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    identity = source(panda).identity()
    assert "No space left" in identity.remarks[0]
    assert panda.journal("token") == []
    assert json.loads(token_file(panda).read_text()) == old
    assert not (panda.config_root / ".token.new").exists()


def test_a_new_token_that_cannot_be_kept_is_used_and_that_is_told(panda: PandaSandbox, monkeypatch):
    old = store(panda, seconds=30)

    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    identity = source(panda).identity()
    assert identity.token != old["id_token"]
    assert "could not be kept: Input/output error" in identity.remarks[0]
    assert json.loads(token_file(panda).read_text()) == old


def test_a_new_token_that_is_expired_already_speaks_of_the_clock(panda: PandaSandbox):
    store(panda, seconds=30)
    panda.issuer.seconds = -5
    assert "is this machine's clock right?" in str(refusal(source(panda)))


REFRESH = """
import sys
from pathlib import Path
from blocks.panda_server import CachedToken
tokens = CachedToken(Path(sys.argv[1]), server_url=sys.argv[2], vo="EIC.production",
                     margin_seconds=60)
print("ready", flush=True)
sys.stdin.readline()
print(tokens.identity().token, flush=True)
"""


def refreshing(panda: PandaSandbox, program: str = REFRESH) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, os.fspath(panda.config_root), panda.url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def test_processes_that_refresh_at_once_refresh_once(panda: PandaSandbox):
    store(panda, seconds=30)
    panda.fault("token", "slow", seconds=0.3)
    processes = [refreshing(panda) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    tokens = {process.communicate(timeout=PATIENCE)[0].strip() for process in processes}
    assert tokens == {json.loads(token_file(panda).read_text())["id_token"]}
    assert len(panda.journal("token")) == 1


KILLED = """
import os, pathlib, signal
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def half(handle, content, offset):
    write(handle, content[: len(content) // 2], offset)
    kill()
write = os.pwrite
"""


@pytest.mark.parametrize(
    "death",
    same("os.pwrite = half", "os.posix_fallocate = kill", "os.ftruncate = kill",
         "os.fsync = kill", "pathlib.Path.replace = kill"),
)  # fmt: skip
def test_a_process_killed_while_it_writes_leaves_the_old_token_whole(
    panda: PandaSandbox, death: str
):
    old = store(panda, seconds=30)
    with refreshing(panda, f"{KILLED}\n{death}\n{REFRESH}") as process:
        process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert json.loads(token_file(panda).read_text()) == old
    assert {mode_of(path) for path in panda.config_root.iterdir()} == {0o600}
    source(panda).identity()  # the lock of the dead holds nobody up, and what it left is gone
    assert names_in(panda.config_root) == {".token", ".token.lock"}


def test_a_lock_that_cannot_be_had_does_not_stop_a_good_token(panda: PandaSandbox, monkeypatch):
    old = store(panda, seconds=30)
    monkeypatch.setattr("blocks.panda_server.tokens._LOCK_SECONDS", 0.1)
    first = source(panda)
    with first._file.lock(1):
        identity = source(panda).identity()
    assert identity.token == old["id_token"]
    assert "another process holds it" in identity.remarks[0]


def robot(panda: PandaSandbox, **more: Any) -> RobotToken:
    secret = panda.directory / "robot.secret"
    parts = {"server_url": panda.url, "vo": VO, "margin_seconds": 60, **more}
    return RobotToken("prodops-robot", parts.pop("secret_file", secret), **parts)


def test_a_robot_s_token_is_granted_once_and_kept_in_memory(panda: PandaSandbox):
    tokens = robot(panda)
    assert tokens.token() == tokens.token()
    tokens.require_group("EIC/production")
    assert tokens.identity().name == "Robot Production"
    assert len(panda.journal("token")) == 1


def test_a_robot_s_token_within_the_margin_is_renewed_or_used_while_the_issuer_is_out(
    panda: PandaSandbox,
):
    tokens = robot(panda, margin_seconds=1e6)
    first = tokens.token()
    panda.fault("token", "500")
    assert tokens.token() == first
    assert len(panda.journal("token")) == 2


def test_a_robot_s_secret_that_others_may_read_is_refused(panda: PandaSandbox):
    secret = panda.directory / "open.secret"
    secret.write_text("s3cret-of-the-robot")
    secret.chmod(0o640)
    refused = refusal(robot(panda, secret_file=secret))
    assert f"chmod 600 {secret}" in str(refused)
    assert panda.journal("token") == []


def test_a_robot_with_a_wrong_or_no_secret_is_refused_without_showing_it(panda: PandaSandbox):
    secret = panda.directory / "wrong.secret"
    secret.write_text("s3cret-of-the-robot\n")
    secret.chmod(0o600)
    refused = refusal(robot(panda, secret_file=secret))
    assert "invalid_client" in str(refused)
    assert "s3cret" not in shown(refused)
    assert "is set" in str(refusal(robot(panda, secret_file=None)))


def test_a_robot_whose_issuer_is_out_waits(panda: PandaSandbox):
    with pytest.raises(OutsideUnavailable, match="no answer"):
        robot(panda, server_url=NOBODY_LISTENS).identity()
