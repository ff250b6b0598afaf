"""Block documents as Prefect's API gives them, or does not."""

import base64
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from blocks.documents import BlockName, BlocksUnavailable, PrefectApi

PANDA = BlockName("panda-server", "prodops-panda")
ROW = {"name": "prodops-panda", "block_type": {"slug": "panda-server"}, "data": {"url_ssl": "x"}}


@contextmanager
def prefect(body: object, status: int = 200):
    """An API that always answers the same, and what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["Authorization"], json.loads(sent)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api", asked
        finally:
            server.shutdown()
            thread.join()


def test_all_documents_come_in_one_call_without_secrets():
    with prefect([ROW]) as (url, asked):
        found = PrefectApi(url, "admin:pass").documents([PANDA, BlockName("x509-proxy", "none")])
    assert found == {PANDA: {"url_ssl": "x"}}
    ((path, authorization, body),) = asked
    assert path == "/api/block_documents/filter"
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"admin:pass"
    assert body["include_secrets"] is False
    assert body["block_documents"]["name"]["any_"] == ["none", "prodops-panda"]


def test_a_document_of_another_type_is_not_taken_for_it():
    other = ROW | {"block_type": {"slug": "pcs-service"}}
    with prefect([other]) as (url, _):
        assert PrefectApi(url).documents([PANDA]) == {}


@pytest.mark.parametrize(
    ("body", "status"), [([], 401), ([], 500), ({"detail": "no"}, 200), ([{"name": "x"}], 200)]
)
def test_an_answer_that_gives_no_documents_is_an_outage(body, status):
    with prefect(body, status) as (url, _), pytest.raises(BlocksUnavailable):
        PrefectApi(url).documents([PANDA])


def test_an_api_that_is_away_is_an_outage(free_port):
    with pytest.raises(BlocksUnavailable, match="Prefect does not give the blocks"):
        PrefectApi(f"http://127.0.0.1:{free_port}/api").documents([PANDA])
