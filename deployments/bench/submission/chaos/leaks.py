"""Looks for the texts of secrets where none may be: in files, and in every table of PostgreSQL."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, text

from deployments.stack.credentials import SUPERUSER, Credentials
from deployments.stack.roles import PREFECT_DATABASE
from deployments.stack.stack import Stack

_TOKENS: Final = ("id_token", "access_token", "refresh_token")
_TABLES: Final = text("""
    SELECT quote_ident(table_schema) || '.' || quote_ident(table_name)
    FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
""")


class Secrets:
    """The secrets of a stack with the sandbox's PanDA, and the files that may hold them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._panda = stack.layout.sandbox("panda")
        self._own = Credentials(stack.layout.secrets).pcs_token
        self._needles: dict[str, str] = {}
        self.note()

    def note(self) -> None:
        """Take note of the secrets as they are now."""
        token: Mapping[str, str] = json.loads((self._panda / "pathena" / ".token").read_text())
        for name in _TOKENS:
            # A part of a token counts as the whole; its first part is the same in all.
            for number, part in enumerate(token[name].split(".")[1:], start=2):
                self._needles[part] = f"{name}, part {number}"
        self._needles[self._own.read_text().strip()] = "token of the ops side at PCS"

    def leaks(self) -> list[str]:
        """Where a secret stands and may not."""
        private = {self._own, self._panda / "pathena" / ".token"}
        return [
            *in_files(self._stack.state_dir, self._needles, private),
            *in_tables(self._stack, self._needles),
        ]


def in_files(directory: Path, needles: Mapping[str, str], private: Collection[Path]) -> list[str]:
    """Where a needle stands in a file below a directory.

    Args:
        directory: The directory.
        needles: What is looked for, and how each is called.
        private: Files and directories that are left out: there a secret has its place.
    """
    return [
        f"{name} stands in {path.relative_to(directory)}"
        for path in directory.rglob("*")
        if path.is_file() and not any(path.is_relative_to(each) for each in private)
        for content in _contents(path)
        for needle, name in needles.items()
        if needle.encode() in content
    ]


def in_tables(stack: Stack, needles: Mapping[str, str]) -> list[str]:
    """Where a needle stands in a row of any table, of prodops or of Prefect."""
    found: list[str] = []
    passfile = Credentials(stack.layout.secrets).superuser
    for database in ("prodops", PREFECT_DATABASE):
        address = f"{SUPERUSER}@127.0.0.1:{stack.settings.database.port}"
        url = f"postgresql+psycopg://{address}/{database}"
        engine = create_engine(url, connect_args={"passfile": str(passfile)})
        with engine.connect() as connection:
            for table in connection.scalars(_TABLES).all():
                found += _in_table(connection, f"{database}: {table}", table, needles)
        engine.dispose()
    return found


def _in_table(
    connection: Connection, shown: str, table: str, needles: Mapping[str, str]
) -> Iterator[str]:
    for needle, name in needles.items():
        # The table's name is quoted by the server; the needle is a parameter.
        found = text(
            f"SELECT count(*) FROM {table} AS t WHERE strpos(t::text, :needle) > 0"  # noqa: S608 - see above
        )
        if count := connection.scalar(found, {"needle": needle}):
            yield f"{name} stands in {count} rows of {shown}"


def _contents(path: Path) -> Iterator[bytes]:
    """The file's bytes, and those of its members where it is a sandbox that prun uploaded."""
    try:
        yield path.read_bytes()
    except OSError:
        return  # gone, or no ordinary file after all
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                if file is not None:
                    yield file.read()
