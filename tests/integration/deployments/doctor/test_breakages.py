"""What is broken is named, with what to do: one thing at a time, on a real database."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from deployments.doctor.catalogue import CHECKS
from deployments.doctor.diagnosis import diagnosed
from deployments.doctor.findings import Condition, Finding
from deployments.doctor.site import Side
from deployments.doctor.subjects import disks
from flows.common.database import transaction
from flows.common.models import PartKind
from flows.common.settings import settings
from tests.databases import Database
from tests.support.system import beat

pytestmark = pytest.mark.integration

SECRET = "c0ffee-canary-5e4c"
Set = Callable[..., None]


@pytest.fixture
def given(database: Database, tmp_path: Path, monkeypatch) -> Iterator[Set]:
    """Sets what is broken; the environment is as before afterwards."""
    before = dict(os.environ)
    (tmp_path / "public").mkdir()
    monkeypatch.chdir(tmp_path)

    def change(**values: object) -> None:
        os.environ.update({name: str(value) for name, value in values.items()})
        settings.cache_clear()

    change(PRODOPS_STATE_DIR=tmp_path, PRODOPS_PREFECT_API_URL="http://127.0.0.1:1/api")
    yield change
    for name in {*os.environ} - {*before}:
        del os.environ[name]
    os.environ.update(before)


def found(name: str, side: Side | None = None) -> list[Finding]:
    """What the check of that name finds, with those that it needs."""
    checks = {each.name: each for each in CHECKS}
    wanted = [name]
    for each in wanted:
        wanted += [need for need in checks[each].needs if need not in wanted]
    made = diagnosed(
        [each for each in CHECKS if each.name in wanted], side=side, timeout_seconds=20
    ).examined
    return [one for each in made if each.check.name == name for one in each.findings]


def bad(name: str, condition: Condition = Condition.PROBLEM) -> Finding:
    """The only finding of the check that is so, which has an advice."""
    [wrong] = [each for each in found(name) if each.condition is condition]
    assert wrong.advice
    assert SECRET not in f"{wrong}"
    return wrong


def test_settings_that_cannot_be_loaded_are_all_named_and_the_rest_is_looked_at(given: Set):
    given(PRODOPS_API_PORT=0, PRODOPS_ROOT_PATH="no-slash")
    told = found("settings")
    assert [each.condition for each in told] == [Condition.PROBLEM] * 2
    [parts] = found("parts")
    assert (parts.condition, parts.text) == (Condition.SKIPPED, "mend first: settings")
    assert {each.condition for each in found("proxies")} == {Condition.OK}


def test_a_wrong_password_is_named(given: Set, tmp_path: Path):
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:*:{SECRET}\n")
    passfile.chmod(0o600)
    given(PRODOPS_DATABASE_PASSFILE=passfile)
    wrong = bad("database")
    assert "password authentication failed" in wrong.text
    assert "PRODOPS_DATABASE_PASSFILE" in wrong.advice


def test_a_database_that_does_not_answer_is_named(given: Set):
    given(PRODOPS_DATABASE_URL="postgresql://prodops_ops@127.0.0.1:1/prodops")
    assert "start PostgreSQL" in bad("database").advice


@pytest.mark.parametrize(
    ("present", "condition", "words"),
    [
        (("0001", None), Condition.PROBLEM, "prodops migrate"),
        (("9999", "9999"), Condition.PROBLEM, "run the version"),
        (("9999", "0027"), Condition.WARNING, "upgrade this side too"),
    ],
)
def test_a_schema_of_another_revision_is_named(
    given: Set, database: Database, present, condition, words
):
    change = text("UPDATE alembic_version SET version_num = :revision, oldest_code = :oldest")
    with transaction(database.ops_engine) as session:
        before = session.execute(text("SELECT version_num, oldest_code FROM alembic_version")).one()
        session.execute(change, dict(zip(("revision", "oldest"), present, strict=True)))
    try:
        assert words in bad("schema", condition).advice
    finally:
        with transaction(database.ops_engine) as session:
            session.execute(change, {"revision": before[0], "oldest": before[1]})


def test_a_prefect_that_is_stopped_is_named_and_what_needs_it_is_not_looked_at(given: Set):
    wrong = bad("prefect")
    assert ("Connection refused" in wrong.text, "prodops up" in wrong.advice) == (True, True)
    assert [each.condition for each in found("pool")] == [Condition.SKIPPED]


def test_a_token_that_others_may_read_is_named(given: Set, tmp_path: Path):
    token = tmp_path / "pcs.token"
    token.write_text(SECRET)
    token.chmod(0o644)
    given(PRODOPS_PCS_TOKEN_FILE=token)
    wrong = bad("credentials")
    assert ("mode 0644" in wrong.text, f"chmod 600 {token}" in wrong.advice) == (True, True)


def test_a_certificate_where_a_token_belongs_is_named(given: Set, tmp_path: Path):
    token = tmp_path / "pcs.token"
    token.write_text(f"-----BEGIN CERTIFICATE-----\n{SECRET}\n")
    token.chmod(0o600)
    given(PRODOPS_PCS_TOKEN_FILE=token)
    assert "holds certificates or keys in PEM, and not" in bad("credentials").text


@pytest.mark.parametrize(
    ("left", "condition", "words"),
    [
        (timedelta(hours=-2), Condition.PROBLEM, "expired at"),
        (timedelta(days=5), Condition.WARNING, "in 5 days"),
    ],
)
def test_a_proxy_that_has_expired_or_soon_will_is_named(
    given: Set, tmp_path: Path, left, condition, words
):
    given(PRODOPS_RUCIO_LOGS_PROXY_FILE=proxy(tmp_path / "proxy.pem", datetime.now(UTC) + left))
    assert words in bad("expiry", condition).text


def test_a_token_of_the_api_that_soon_ends_is_named_with_its_owner(given: Set, database: Database):
    with transaction(database.ops_engine) as session:
        session.execute(
            text(
                "INSERT INTO api_token (owner, note, key_hash, created_at, expires_at)"
                " VALUES ('anna', '', 'x', now(), now() + interval '2 days')"
            )
        )
    assert bad("expiry", Condition.WARNING).about.endswith("of anna")


def proxy(path: Path, ends_at: datetime) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "panda")])
    begins_at = ends_at - timedelta(days=9)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begins_at, ends_at).sign(
        key, hashes.SHA256()
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    path.chmod(0o600)
    return path


def test_a_disk_with_less_room_than_is_set_is_named(given: Set):
    given(PRODOPS_STACK_LEAST_FREE_BYTES=10**18)
    assert "PRODOPS_STACK_LEAST_FREE_BYTES" in bad("disk").text


def test_a_public_directory_without_locks_is_named(given: Set, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(disks.fcntl, "flock", none)
    assert "NFS" in bad("published").advice


def test_a_proxy_that_no_part_would_start_with_is_named(given: Set):
    given(HTTPS_PROXY=f"socks5://me:{SECRET}@proxy:1080")
    assert "HTTPS_PROXY" in bad("proxies").text


@pytest.fixture
def late_server() -> Iterator[str]:
    """A server whose clock is two minutes behind."""

    class Late(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(204)
            self.send_header("Date", format_datetime(datetime.now(UTC) - timedelta(minutes=2)))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_clock_that_is_minutes_off_is_named(given: Set, late_server: str):
    given(PRODOPS_RUCIO_PRODUCED_URL=late_server)
    wrong = bad("clock")
    assert (wrong.about, "ahead of" in wrong.text) == ("Rucio of produced data", True)


def test_a_part_that_was_never_heard_and_one_of_other_code_are_named(
    given: Set, database: Database
):
    beat(database.ops_engine, PartKind.RELAY, version={"package": "0.0.1", "commit": "0badc0de"})
    never = {each.about: each.text for each in found("parts")}
    assert never["worker"] == "none was ever heard"
    wrong = bad("versions", Condition.WARNING)
    assert (wrong.about, "0badc0de" in wrong.text) == ("relay", True)


def test_the_web_side_says_what_the_ops_side_looks_at_and_is_of_use(
    given: Set, database: Database, monkeypatch
):
    given(
        PRODOPS_DATABASE_URL=database.web_url.render_as_string(),
        PRODOPS_DATABASE_PASSFILE=database.web_passfile,
    )
    [panda] = found("panda")
    assert (panda.condition, "ops side" in panda.text) == (Condition.SKIPPED, True)
    [connected] = found("database")
    assert (connected.condition, "prodops_web" in connected.text) == (Condition.OK, True)
    assert {each.condition for each in found("parts")} == {Condition.PROBLEM}
