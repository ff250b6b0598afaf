"""The event table as the stream reads it, over bare connections of psycopg."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, cast

import psycopg

from api.http.frames import Frame, frame_of
from api.http.listeners import READ_BYTES
from flows.common.database_errors import translated
from flows.common.notifications import listen_dsn

READ_LIMIT: Final = 2000

_SELECT: Final = """
    SELECT id, msg_type, namespace, run_id, processed_by, subject, payload::text, at
    FROM event WHERE id > %(after)s AND id <= %(until)s ORDER BY id LIMIT %(limit)s
"""


async def connect() -> psycopg.AsyncConnection[Any]:
    """A connection that may listen."""
    return await psycopg.AsyncConnection.connect(listen_dsn(), autocommit=True)


async def newest_id() -> int:
    """Id of the newest event.

    Raises:
        DatabaseUnavailable: It cannot be looked up.
    """
    with translated():
        async with await connect() as connection:
            return await last_id(connection)


async def last_id(connection: psycopg.AsyncConnection[Any]) -> int:
    """Id of the newest event; 0 where there is none."""
    row = await (await connection.execute("SELECT coalesce(max(id), 0) FROM event")).fetchone()
    return int(row[0]) if row else 0


async def oldest_id(connection: psycopg.AsyncConnection[Any]) -> int:
    """Id of the oldest event that is kept; 0 where there is none."""
    row = await (await connection.execute("SELECT coalesce(min(id), 0) FROM event")).fetchone()
    return int(row[0]) if row else 0


async def read(connection: psycopg.AsyncConnection[Any], after: int, until: int) -> list[Frame]:
    """The first events after one id up to another, as many as a reading's bytes allow."""
    frames: list[Frame] = []
    size_bytes = 0
    wanted = {"after": after, "until": until, "limit": READ_LIMIT}
    async with connection.cursor() as cursor:
        # Not fetched at once: 2,000 events may be 2 GB.
        rows = cast("AsyncGenerator[Any, None]", cursor.stream(_SELECT, wanted))
        async with aclosing(rows):
            async for row in rows:
                frames.append(frame_of(row))
                size_bytes += len(frames[-1].data)
                if size_bytes > READ_BYTES:
                    break
    return frames
