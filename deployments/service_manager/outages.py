"""Whether the database answers, asked by a connection of its own."""

from __future__ import annotations

import psycopg

from flows.common.database_errors import DatabaseUnavailable, translated
from flows.common.notifications import listen_dsn


def is_database_away() -> bool:
    """Whether the database refuses, or takes connections and says nothing for some seconds."""
    try:
        with translated(), psycopg.connect(listen_dsn(), autocommit=True) as connection:
            connection.execute("SELECT 1")
    except DatabaseUnavailable:
        return True
    return False
