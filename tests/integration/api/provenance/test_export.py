"""A catalog on its way to a slow reader: whole, of one sweep, and without a connection."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text, update

from api.provenance import export
from api.provenance.queries.selection import Selection
from flows.common.database import now, transaction
from flows.provenance.models import CampaignSweep
from tests.conftest import ServedApi
from tests.databases import Database
from tests.produced import NAME, campaign_of_each_kind
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MANY = 2_500
_FILL = text("""
    INSERT INTO provenance_path (campaign, path, suffix, finding, reason)
    SELECT :name, '/many/' || lpad(n::text, 6, '0'), n::text, 'missing', repeat('why ', 2000)
    FROM generate_series(1, :many) n
""")
_HELD = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'prodops_web' AND datname = current_database() AND state <> 'idle'
""")


@pytest.fixture
def filled(database: Database) -> Database:
    """A campaign with more rows than a socket holds."""
    campaign_of_each_kind(database.ops_engine)
    with transaction(database.ops_engine) as session:
        session.execute(_FILL, {"name": NAME, "many": MANY})
    return database


@pytest.fixture
def slow_readers(filled: Database, served_api: ServedApi) -> Iterator[list[socket.socket]]:
    """Ten who have asked for the catalog, and read nothing."""
    with ExitStack() as stack:
        readers = []
        for kind in ("json", "csv") * 5:
            reader = socket.create_connection(("127.0.0.1", served_api.port))
            readers.append(stack.enter_context(reader))
            ask = f"GET /pcs/catalog.{kind}?campaign={NAME} HTTP/1.1\r\nHost: localhost\r\n"
            reader.sendall(f"{ask}Connection: close\r\n\r\n".encode())
            assert reader.recv(12).endswith(b"200")
        yield readers


@pytest.mark.slow
def test_slow_readers_hold_no_connection_and_messages_come_in(
    filled: Database, api: httpx.Client, slow_readers: list[socket.socket]
):
    with transaction(filled.ops_engine) as session:
        wait_until(lambda: session.scalar(_HELD) == 0)
    assert api.post("/api/messages/", json={"msg_type": "note"}).status_code == 201
    assert api.get("/pcs/tasks/").status_code == 200
    body = b""
    while data := slow_readers[0].recv(1 << 20):
        body += data
    assert body.rstrip().endswith(b"0"), "the last chunk"


def test_an_export_in_several_pieces_is_whole(filled: Database, api: httpx.Client):
    found = api.get(f"/pcs/catalog.json?campaign={NAME}").json()["results"]
    paths = [each["requested_path"] for each in found]
    assert len({path for path in paths if path.startswith("/many/")}) == MANY
    assert paths == sorted(paths)
    table = api.get(f"/pcs/catalog.csv?campaign={NAME}&finding=missing&sort=-finding").text
    lines = list(csv.DictReader(io.StringIO(table)))
    assert len({line["requested_path"] for line in lines}) == len(lines) == MANY + 2


def test_an_empty_export_is_one(filled: Database, api: httpx.Client):
    query = f"campaign={NAME}&q=nothing-is-called-so"
    assert api.get(f"/pcs/catalog.json?{query}").json()["results"] == []
    assert len(api.get(f"/pcs/catalog.csv?{query}").text.splitlines()) == 1


@pytest.mark.parametrize("form", [export.as_csv, export.as_json])
def test_an_export_breaks_off_where_a_sweep_replaces_the_rows(
    filled: Database, form: export.Format
):
    pieces = form(filled.web_engine, Selection.of({"campaign": NAME}), now() - timedelta(days=1))
    next(pieces)
    with transaction(filled.ops_engine) as session:
        session.execute(update(CampaignSweep).values(attempted_at=now()))
    with pytest.raises(export.SweptMeanwhile):
        list(pieces)


def test_json_of_all_rows_is_one_document(filled: Database):
    pieces = export.as_json(
        filled.web_engine, Selection.of({"campaign": NAME}), now() - timedelta(days=1)
    )
    sizes = [len(each) for each in pieces]
    assert max(sizes) < 30_000_000
    assert json.loads("".join(export.as_json(
        filled.web_engine, Selection.of({"campaign": NAME, "q": "00001"}), now()
    )))["results"]  # fmt: skip
