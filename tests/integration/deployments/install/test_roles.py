"""Roles and databases are made once, and what was there before is not taken over."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.install import contents
from deployments.install.database_server import Server
from deployments.install.options import Options
from deployments.install.roles import Database, Role, WebAccess
from deployments.install.steps import Finding, InTheWay
from deployments.stack.roles import Connection
from flows.common.database import Limits
from flows.common.settings import BadSetting

pytestmark = pytest.mark.integration


@pytest.fixture
def server(postgres) -> Server:
    url = f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres"
    return Server(url=url, passfile=postgres.credentials.superuser)


@pytest.fixture
def superuser(server: Server) -> Iterator[Connection]:
    with server.superuser() as connection:
        yield connection


@pytest.fixture
def role(server: Server, superuser: Connection, tmp_path: Path) -> Iterator[Role]:
    """A role of a name of its own, whose password is in a file, and which is not there yet."""
    name = f"installed_{uuid.uuid4().hex[:8]}"
    host, port = server.address
    options = Options(prefix=tmp_path, database_host=host, database_port=port)
    passfile = tmp_path / "passfile"
    passfile.write_text(contents.passfile_line(options, "postgres", name, "secret"))
    passfile.chmod(0o600)
    yield Role(server, options, name, "postgres", passfile)
    superuser.execute(f"DROP DATABASE IF EXISTS {name}")
    superuser.execute(f"DROP ROLE IF EXISTS {name}")


def test_a_role_is_made_with_the_password_of_its_file_and_removed(role: Role):
    assert role.look() is Finding.MAKE
    role.do()
    assert role.look() is Finding.DONE
    role.undo()
    assert role.look() is Finding.MAKE


def test_the_server_is_told_a_verifier_and_no_password(role: Role, superuser: Connection):
    role.do()
    stored = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
    [[verifier]] = superuser.execute(stored, [role.role]).fetchall()
    assert str(verifier).startswith("SCRAM-SHA-256$")


def test_a_role_that_was_there_before_keeps_its_password(role: Role, superuser: Connection):
    superuser.execute(f"CREATE ROLE {role.role} LOGIN PASSWORD 'other'")
    assert role.look() is Finding.CHANGE
    assert "was there before, and its password is not in" in role.objection()


@pytest.mark.parametrize("right", ["SUPERUSER", "CREATEROLE", "BYPASSRLS"])
def test_a_role_that_may_more_is_refused(role: Role, superuser: Connection, right: str):
    superuser.execute(f"CREATE ROLE {role.role} LOGIN {right}")
    with pytest.raises(InTheWay, match="may do more than log in"):
        role.look()


def test_a_member_of_another_role_is_refused(role: Role, superuser: Connection):
    superuser.execute(f"CREATE ROLE {role.role} LOGIN")
    superuser.execute(f"GRANT pg_read_server_files TO {role.role}")
    with pytest.raises(InTheWay, match="memberships"):
        role.look()


def test_a_password_file_without_its_line_is_named(role: Role):
    role.passfile.write_text("127.0.0.1:1:*:other:secret\n")
    with pytest.raises(InTheWay, match=f"has no line for the role {role.role}"):
        role.do()


def test_a_server_that_takes_any_password_is_refused(role: Role, monkeypatch):
    role.do()
    monkeypatch.setattr("deployments.install.roles.lets_anybody_in", lambda *_, **__: True)
    with pytest.raises(InTheWay, match="takes any password"):
        role.look()


def test_a_database_is_its_owners_alone(role: Role, server: Server):
    role.do()
    database = Database(server, role.role, role.role)
    assert database.look() is Finding.MAKE
    database.do()
    assert database.look() is Finding.DONE
    with pytest.raises(InTheWay, match=f"belongs to {role.role}, and not to prodops_ops"):
        Database(server, role.role, "prodops_ops").look()
    database.undo()
    assert database.look() is Finding.MAKE


def test_a_database_that_others_may_enter_is_closed(
    role: Role, server: Server, superuser: Connection
):
    role.do()
    superuser.execute(f"CREATE DATABASE {role.role} OWNER {role.role}")
    database = Database(server, role.role, role.role)
    assert database.look() is Finding.CHANGE
    database.do()
    assert database.look() is Finding.DONE


def test_limits_that_the_role_lifted_are_set_again(
    role: Role, server: Server, superuser: Connection
):
    limits = Limits(statement_seconds=30, idle_seconds=20)
    access = WebAccess(server, "prodops", role.role, limits)
    assert access.look() is Finding.MAKE
    role.do()
    access.do()
    assert access.look() is Finding.DONE
    superuser.execute(f"ALTER ROLE {role.role} SET statement_timeout = 0")
    assert access.look() is Finding.CHANGE
    access.do()
    assert access.look() is Finding.DONE
    superuser.execute(f"REVOKE CONNECT ON DATABASE prodops FROM {role.role}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("postgres@", "nobody@"), "--database-url"),
        ((":{port}/", ":1/"), "--database-url .*refused"),
    ],
)
def test_a_server_that_lets_us_not_in_is_one_line(server: Server, postgres, change, words):
    old, new = (each.format(port=postgres.port) for each in change)
    other = Server(url=server.url.replace(old, new), passfile=server.passfile)
    with pytest.raises(BadSetting, match=words) as refused, other.superuser():
        pass
    assert "\n" not in str(refused.value)


def test_one_who_is_no_superuser_is_told_so(role: Role, server: Server):
    role.do()
    lesser = Server(url=server.url.replace("postgres@", f"{role.role}@"), passfile=role.passfile)
    with pytest.raises(BadSetting, match="name a superuser"), lesser.superuser() as connection:
        connection.execute("CREATE ROLE nobody_such")
    with pytest.raises(BadSetting, match="refuses"), server.superuser() as connection:
        connection.execute("DROP ROLE nobody_such")
