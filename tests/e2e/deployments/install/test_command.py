"""`prodops install` as root: lays out, changes nothing the second time, and takes itself away."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.installation import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("install")]


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    return {row["step"]: row["state"] for row in json.loads(done.stdout)["steps"]}


def tree(prefix: Path) -> dict[str, tuple[int, int, int, bytes]]:
    return {
        str(path): (
            *(path.lstat()[0:1]),
            *path.lstat()[4:6],
            b"" if path.is_dir() else path.read_bytes(),
        )
        for path in sorted(prefix.rglob("*"))
    }


def test_it_installs_once_changes_nothing_again_and_leaves_nothing(site: Installation):
    planned = states(site.install("--dry-run", "--json"))
    assert set(planned.values()) == {"done", "will make"}
    assert not site.places.prefix.exists()
    made = states(site.install("--json"))
    assert len(made) == len(planned)
    before = tree(site.places.prefix)
    assert set(states(site.run("--json")).values()) == {"done"}
    assert tree(site.places.prefix) == before
    removed = site.run("--remove", "--purge", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not site.places.prefix.exists()
    with pytest.raises(KeyError):
        pwd.getpwnam(site.web_user)
    assert left_in(site) == []


def left_in(site: Installation) -> list[object]:
    """Roles and databases that the server did not have at first."""
    with site.server.connect() as connection:
        found = connection.execute("SELECT rolname FROM pg_roles WHERE oid >= 16384").fetchall()
        found += connection.execute("SELECT datname FROM pg_database WHERE oid >= 16384").fetchall()
    return [name for [name] in found]


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    return line.removeprefix("prodops: ")


def test_it_is_killed_again_and_again_and_ends_the_same(site: Installation):
    """Each try is killed at the step after the last one's; the last goes through."""
    users = ["--ops-user", site.ops_user, "--web-user", site.web_user]
    for awaited in ("user", "secret", "role", "database", "schema", "unit"):
        tried = subprocess.Popen(
            site.command(*users), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd="/", env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        with tried:
            for line in tried.stdout:
                if not line.startswith("done") and f" {awaited} " in line:
                    tried.kill()
    assert "made" in states(site.install("--json")).values()
    assert set(states(site.install("--json")).values()) == {"done"}


def test_roles_that_somebody_else_makes_are_used_and_stay(site: Installation):
    by_hand = ["--by-hand", "--database-url", f"postgresql://127.0.0.1:{site.server.port}/"]
    line = refusal(site.install(*by_hand))
    assert "have the role and the database prodops made, with the password of" in line
    try:
        make_by_hand(site)
        assert set(states(site.run("--json")).values()) == {"done", "made"}
        assert site.run("--remove", "--purge", "--yes").returncode == 0
        assert sorted(map(str, left_in(site))) == [
            "prefect", "prefect", "prodops", "prodops_ops", "prodops_web",
        ]  # fmt: skip
    finally:
        with site.server.connect() as connection:
            for name in ("prodops", "prefect"):
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute("DROP ROLE IF EXISTS prodops_ops, prodops_web, prefect")


def make_by_hand(site: Installation) -> None:
    """What the guide asks of whoever is a superuser, with the passwords of the files."""
    with site.server.connect() as connection:
        for path in (site.places.ops_passfile, site.places.web_passfile):
            for fields in (row.split(":") for row in path.read_text().split()):
                connection.execute(f"CREATE ROLE {fields[3]} LOGIN PASSWORD '{fields[4]}'")
        for name, owner in (("prodops", "prodops_ops"), ("prefect", "prefect")):
            connection.execute(f"CREATE DATABASE {name} OWNER {owner}")
            connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            with site.server.connect(name) as inside:
                inside.execute("CREATE EXTENSION pg_trgm")
                inside.execute(f"ALTER SCHEMA public OWNER TO {owner}")
        connection.execute("GRANT CONNECT ON DATABASE prodops TO prodops_web")


def test_a_server_that_lets_anybody_in_is_refused(site: Installation):
    before = site.server.hba.read_text()
    site.server.hba.write_text("host all all 127.0.0.1/32 trust\n")
    try:
        with site.server.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")
        assert "takes any password for prodops_ops: in its pg_hba.conf" in refusal(site.install())
    finally:
        site.server.hba.write_text(before)
        with site.server.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")


def test_a_schema_of_a_newer_version_is_refused_and_nothing_is_changed(site: Installation):
    assert site.install().returncode == 0
    with site.server.connect("prodops") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = tree(site.places.prefix)
    assert "schema is at revision 9999, and this version of prodops is made for" in refusal(
        site.install()
    )
    assert tree(site.places.prefix) == before


def test_without_root_it_says_what_takes_root_and_installs_for_one_user(site: Installation):
    entry = pwd.getpwnam("nobody")
    place = Path(tempfile.mkdtemp())
    shutil.chown(place, entry.pw_uid, entry.pw_gid)
    passfile = place / "passfile"
    passfile.write_text(site.server.passfile.read_text())
    passfile.chmod(0o600)
    shutil.chown(passfile, entry.pw_uid, entry.pw_gid)
    command = [
        str(site.bin_dir / "prodops"), "install", "--prefix", str(place / "site"),
        "--database-url", site.server.url, "--database-passfile", str(passfile),
    ]  # fmt: skip

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more], user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/",
            env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    try:
        place.chmod(0o755)
        line = refusal(run())
        assert line.startswith("these take root: user prodops (system user without a shell); user")
        made = run("--ops-user", "nobody", "--web-user", "nobody", "--json")
        assert "made" in states(made).values()
        assert run("--remove", "--purge", "--yes").returncode == 0
    finally:
        shutil.rmtree(place)
