"""The external proxy's double: nginx that strips cookies and headers, and refuses redirects.

It passes on only the path, the query, the body and its type, and names the user itself; any 3xx
becomes a 502, and any method but the usual five a 405.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NOT_PASSED = (
    "Set-Cookie", "ETag", "Last-Modified", "Retry-After", "WWW-Authenticate", "Link", "Vary",
    "Location", "Cache-Control", "Content-Security-Policy", "Referrer-Policy",
    "X-Content-Type-Options", "X-Last-Event-Id", "Access-Control-Allow-Origin",
)  # fmt: skip
_CONFIGURATION = """
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  upstream app {{ server {upstream}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location {prefix}/ {{
      if ($request_method !~ ^(GET|POST|PUT|PATCH|DELETE)$) {{ return 405; }}
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_pass_request_headers off;
      proxy_set_header Connection "";
      proxy_set_header Host $proxy_host;
      proxy_set_header Content-Type $content_type;
      proxy_set_header Content-Length $content_length;
      proxy_set_header X-Remote-User {user};
      {hidden}
      proxy_redirect off;
      proxy_intercept_errors on;
      error_page 300 301 302 303 304 307 308 =502 @no_redirect;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 120s;
    }}
    location @no_redirect {{
      internal;
      default_type application/json;
      return 502 '{{"error": "Refused: a redirect"}}';
    }}
  }}
}}
"""


def require_nginx() -> str:
    """The program; without it the test is skipped, which CI does not permit."""
    if NGINX is None:
        reason = "nginx is not installed: tests/system-packages.sh installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return NGINX


@contextmanager
def proxied(upstream_url: str, home: Path, *, user: str) -> Iterator[str]:
    """An address that leads through the proxy to `upstream_url`, under the same prefix."""
    program = require_nginx()
    upstream = urlsplit(upstream_url)
    port = _free_port()
    text = _CONFIGURATION.format(
        home=home,
        port=port,
        upstream=upstream.netloc,
        prefix=upstream.path,
        user=user,
        hidden=" ".join(f"proxy_hide_header {name};" for name in NOT_PASSED),
    )
    (home / "nginx.conf").write_text(text)
    process = subprocess.Popen(
        [program, "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]
    )
    try:
        _await(process, port, home)
        yield f"http://127.0.0.1:{port}{upstream.path}"
    finally:
        process.terminate()
        process.wait(10)


def _await(process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, (home / "error.log").read_text()
        assert time.monotonic() < deadline, "nginx did not listen"
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
