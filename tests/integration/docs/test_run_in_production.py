"""The proxy of the production guide, as it is written there, in front of a real API."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from deployments.stack.ports import free_ports
from flows.common.database import transaction
from flows.common.models import Request
from tests.nginx_proxy import is_listening, require_nginx
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).parents[3] / "docs/how-to/run-in-production.md"
BLOCK = re.compile(r"```nginx\n(.*?)```", re.DOTALL)
UNITS = re.compile(r"```python\n(.*?)```", re.DOTALL)
AROUND = """
daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  gzip on; gzip_proxied any; gzip_types *; gzip_min_length 0;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
{documented}
}}
"""
PASSWORD = "correct horse"


@pytest.fixture
def proxy(monkeypatch, request, tmp_path: Path) -> Iterator[str]:
    """The documented nginx, without TLS, which is not what is tried here."""
    program = require_nginx()
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/swf-monitor")
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    monkeypatch.setenv("PRODOPS_API_ALLOWED_HOSTS", "prodops.example.org,127.0.0.1")
    served = request.getfixturevalue("served_api")
    (port,) = free_ports(1)
    [documented] = BLOCK.findall(GUIDE.read_text())
    told = (
        re.sub(r"\n *ssl_certificate.*", "", documented)
        .replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
        .replace("http://127.0.0.1:8002", f"http://127.0.0.1:{served.port}")
        .replace("/etc/nginx/prodops.htpasswd", f"{tmp_path}/htpasswd")
    )
    made = ["openssl", "passwd", "-apr1", PASSWORD]
    digest = subprocess.run(made, capture_output=True, text=True, check=True).stdout
    (tmp_path / "htpasswd").write_text(f"alice:{digest}")
    (tmp_path / "htpasswd").chmod(0o644)
    tmp_path.chmod(0o755)
    (tmp_path / "nginx.conf").write_text(AROUND.format(home=tmp_path, documented=told))
    process = subprocess.Popen(
        [program, "-c", f"{tmp_path}/nginx.conf", "-e", f"{tmp_path}/error.log"]
    )
    try:
        wait_until(lambda: is_listening(process, port, tmp_path))
        yield f"http://127.0.0.1:{port}/swf-monitor"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def ask(proxy: str, *, headers: list[tuple[str, str]] | None = None, **more) -> httpx.Response:
    return httpx.post(f"{proxy}/api/payload-logs/", json={"pandaid": 7}, headers=headers, **more)


def test_it_names_only_whom_it_has_verified(proxy, database):
    assert ask(proxy).status_code == 401
    assert ask(proxy, auth=("alice", "x")).status_code == 401
    spoofed = [("X-Remote-User", "eve"), ("X-Remote-User", "root")]
    assert ask(proxy, headers=spoofed).status_code == 401
    assert ask(proxy, headers=[("Authorization", "Basic YWxpY2U6eA==")]).status_code == 401
    assert ask(proxy, auth=("alice", PASSWORD), headers=spoofed).status_code == 202
    with transaction(database.ops_engine) as session:
        assert [row.requested_by for row in session.query(Request)] == ["alice"]


def test_a_token_passes_and_makes_no_other_name_believed(proxy, served_api, database):
    spoofed = [("X-Remote-User", "eve")]
    for scheme in ("Token", "bearer"):
        known = [("Authorization", f"{scheme} {served_api.token}"), *spoofed]
        assert ask(proxy, headers=known).status_code == 202
        wrong = [("Authorization", f"{scheme} {'0' * 40}"), *spoofed]
        assert ask(proxy, headers=wrong).json() == {"detail": "Invalid token."}
    with transaction(database.ops_engine) as session:
        assert {row.requested_by for row in session.query(Request)} == {"tester"}


def follow(proxy: str, **more) -> AbstractContextManager[httpx.Response]:
    return httpx.stream("GET", f"{proxy}/api/messages/stream/", timeout=10, **more)


def test_the_stream_is_not_held_back(proxy, served_api):
    with follow(proxy, auth=("alice", PASSWORD)) as stream:
        frames = stream.iter_raw()
        assert b"connected" in next(frames)
        with served_api.client() as sender:
            assert sender.post("/api/messages/", json={"msg_type": "x"}).status_code == 201
        assert b"event: x" in next(frames)


def test_the_stream_is_not_packed_where_all_else_is(proxy):
    with follow(proxy, auth=("alice", PASSWORD)) as stream:
        assert "content-encoding" not in stream.headers
        assert stream.headers["content-type"].startswith("text/event-stream")
    packed = httpx.get(f"{proxy}/api/health/", auth=("alice", PASSWORD))
    assert packed.headers["content-encoding"] == "gzip"


def test_the_stream_is_for_whom_the_proxy_knows_only(proxy):
    with follow(proxy, headers={"X-Remote-User": "eve"}) as stream:
        assert stream.status_code == 401


def test_the_documented_units_are_written(tmp_path: Path):
    [documented] = UNITS.findall(GUIDE.read_text())
    exec(documented.replace("/etc/systemd/system", str(tmp_path)), {})
    names = ("api", "notifier", "prefect", "relay", "worker")
    expected = {"prodops.target", *(f"prodops-{name}.service" for name in names)}
    assert {path.name for path in tmp_path.iterdir()} == expected
