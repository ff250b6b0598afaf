"""nginx before two web processes and two API servers of Prefect: one does what the other cannot.

The same configuration as in `docs/how-to/run-on-many-machines.md`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deployments.bench.hosts.network import Host, NoHosts
from deployments.bench.hosts.processes import Process
from deployments.sandbox.grid.programs import nginx_program
from deployments.stack.stack import Stack

_CONFIGURATION: Final = """
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
  upstream web {{
    {web}
    keepalive 16;
  }}
  upstream prefect {{
    {prefect}
    keepalive 16;
  }}
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  proxy_connect_timeout 1s;
  # What was sent to a server that then died may be done: only its sender may send it again.
  proxy_next_upstream error timeout;
  server {{
    listen 127.0.0.1:{web_port};
    location / {{
      proxy_pass http://web;
      proxy_read_timeout 20s;
    }}
    location {prefix}/api/messages/stream/ {{
      proxy_pass http://web;
      proxy_buffering off;
      proxy_read_timeout {silent_seconds:g}s;
    }}
  }}
  server {{
    listen 127.0.0.1:{prefect_port};
    location / {{
      proxy_pass http://prefect;
      proxy_read_timeout 20s;
    }}
    location /api/events/ {{
      proxy_pass http://prefect;
      proxy_read_timeout 75s;
    }}
  }}
}}
"""


def front(stack: Stack, hosts: Sequence[Host], directory: Path) -> Process:
    """The proxy, on the ports where a stack's web tier and Prefect would listen.

    Raises:
        NoHosts: nginx is not installed.
    """
    program = nginx_program()
    if program is None:
        raise NoHosts("nginx is not installed (Debian: nginx-light)")
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "nginx.conf"
    ports = {"web": stack.settings.api.port, "prefect": stack.settings.prefect.port}
    upstreams = {name: _servers(hosts, port) for name, port in ports.items()}
    listening = {f"{name}_port": port for name, port in ports.items()}
    configuration.write_text(
        _CONFIGURATION.format(
            home=directory,
            prefix=stack.settings.stack.root_path,
            silent_seconds=3 * stack.settings.stream.heartbeat_seconds,
            **upstreams,
            **listening,
        )
    )
    argv = (program, "-c", os.fspath(configuration), "-e", os.fspath(directory / "error.log"))
    return Process("nginx", argv, dict(os.environ), directory)


def _servers(hosts: Sequence[Host], port: int) -> str:
    return " ".join(f"server {each.address}:{port} max_fails=3 fail_timeout=5s;" for each in hosts)
