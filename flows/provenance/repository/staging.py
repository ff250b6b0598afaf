"""The files of a sweep on their way from Rucio to the tables, without staying in memory.

One connection belongs to the sweep: it holds the campaign's lock and the staged rows, and both are
gone when it closes, however that comes about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

from sqlalchemy import Connection, Engine, text

from blocks.rucio_catalog import DatasetFile
from flows.common.database_errors import translated
from flows.provenance.domain.figures import Content, Sum
from flows.provenance.domain.names import family_of

_LOCK_SPACE: Final = 0x70726F76  # "prov": the locks of those who sweep a family of campaigns
_MAKE = text("""
    CREATE TEMP TABLE IF NOT EXISTS staged_file (
        dataset integer NOT NULL, name text NOT NULL, size_bytes bigint, adler32 text)
""")
_COPY: Final = "COPY staged_file (dataset, name, size_bytes, adler32) FROM STDIN"


# A file that several datasets hold is counted with the first of them.
_COUNTED: Final = text("""
    SELECT dataset, count(*), coalesce(sum(size_bytes), 0) FROM (
        SELECT min(dataset) AS dataset, max(size_bytes) AS size_bytes FROM staged_file
        GROUP BY name) AS file
    GROUP BY dataset
""")


@dataclass
class Staged:
    """What was staged: the content by dataset, and the names of the files that were asked for."""

    contents: list[Content]
    names: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def sweep_connection(
    engine: Engine, campaign: str, *, patience_seconds: float
) -> Iterator[Connection]:
    """The connection of a sweep, alone with the campaign's family until it is closed.

    Raises:
        DatabaseUnavailable: The database is away, or another sweep took longer than the patience.
    """
    with translated(), engine.connect() as connection:
        connection.detach()  # closed at the end, and not given to anybody else
        connection.execute(
            text("SELECT set_config('lock_timeout', :patience, false)"),
            {"patience": f"{int(patience_seconds * 1000)}ms"},
        )
        # Held until the connection closes, over all of its transactions. 32 bits with a sign.
        connection.execute(
            text("SELECT pg_advisory_lock(:space, :family)"),
            {"space": _LOCK_SPACE, "family": crc32(family_of(campaign).encode()) - 2**31},
        )
        connection.execute(_MAKE)
        connection.commit()
        yield connection


def stage(
    connection: Connection,
    names: Sequence[str],
    files: Iterable[DatasetFile],
    *,
    wanted: Collection[str] = (),
    report: Callable[[int], None] = lambda _begun: None,
) -> Staged:
    """Copy the files into the staged table as they come.

    Args:
        connection: of :func:`sweep_connection`.
        names: of the datasets; a row's dataset is its index in here.
        files: of those datasets.
        wanted: the datasets whose files' names are to be given.
        report: Called with the number of datasets that were begun.
    """
    sums, wanted_names = [Sum()] * len(names), defaultdict[str, list[str]](list)
    number = {name: index for index, name in enumerate(names)}
    begun = 0
    with translated(), connection.begin():
        connection.execute(text("TRUNCATE staged_file"))
        driver: Any = connection.connection.dbapi_connection
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for each in files:
                index = number[each.dataset]
                copy.write_row((index, each.name, each.size_bytes, each.adler32))
                if not sums[index].files:
                    begun += 1
                    report(begun)
                sums[index] = _plus(sums[index], each)
                if each.dataset in wanted:
                    wanted_names[each.dataset].append(each.name)
        connection.execute(text("ANALYZE staged_file"))
        counted = {
            index: Sum(files, int(size)) for index, files, size in connection.execute(_COUNTED)
        }
    contents = [Content(each, counted.get(index, Sum())) for index, each in enumerate(sums)]
    return Staged(contents, dict(wanted_names))


def _plus(before: Sum, file: DatasetFile) -> Sum:
    return Sum(before.files + 1, before.size_bytes + (file.size_bytes or 0))
