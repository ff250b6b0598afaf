"""The external proxy's double: nginx that strips cookies and headers, and refuses redirects.

It has a few paths only, passes on the query, the body and its type, and names the user itself; any
3xx becomes a 502, and any method but the usual five a 405 (ops contract section 4.4).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from deployments.sandbox.grid.programs import nginx_program
from deployments.stack.environment import api_url
from deployments.stack.layout import Layout
from flows.common.settings import Settings

USER = "operator"
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
    location = {prefix}/ {{ rewrite ^ {prefix}/pcs/ last; }}
    location ~ ^{prefix}/(?:(?:pcs|panda|static|api/panda)/|api/messages/stream/$) {{
      if ($request_method !~ ^(GET|POST|PUT|PATCH|DELETE)$) {{ return 405; }}
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_pass_request_headers off;
      proxy_set_header Connection "";
      proxy_set_header Host pandaserver02.sdcc.bnl.gov;
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


def configuration(upstream_url: str, home: Path, *, port: int, user: str) -> str:
    """Nginx's configuration: `port` leads to `upstream_url`, under the same prefix, as `user`."""
    upstream = urlsplit(upstream_url)
    return _CONFIGURATION.format(
        home=home,
        port=port,
        upstream=upstream.netloc,
        prefix=upstream.path,
        user=user,
        hidden=" ".join(f"proxy_hide_header {name};" for name in NOT_PASSED),
    )


def command(program: str, home: Path) -> list[str]:
    """Nginx's argument vector for the configuration in `home`."""
    return [program, "-c", os.fspath(home / "nginx.conf"), "-e", os.fspath(home / "error.log")]


def address(upstream_url: str, port: int) -> str:
    """The address at the gateway of what is at `upstream_url`."""
    return f"http://127.0.0.1:{port}{urlsplit(upstream_url).path}"


def run(settings: Settings) -> NoReturn:
    """Become nginx in front of the stack's API (SIGTERM stops it)."""
    home = Layout(settings.stack.state_dir).sandbox("gateway")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = settings.sandbox.gateway_port
    text = configuration(api_url(settings), home, port=port, user=USER)
    (home / "nginx.conf").write_text(text)
    program = nginx_program()
    if program is None:
        raise SystemExit("nginx is not installed")
    os.execv(program, command(program, home))  # noqa: S606 - no shell is wanted
