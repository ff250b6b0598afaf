"""The nginx of the production guide, as it is written there, in front of a real API."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.stack.ports import free_ports
from tests.nginx_proxy import is_listening, require_nginx
from tests.waiting import PATIENCE, wait_until

GUIDE = Path(__file__).parents[2] / "docs/how-to/run-in-production.md"
USER, PASSWORD = "anna", "correct horse"
_BLOCK = re.compile(r"```nginx\n(.*?)```", re.DOTALL)
_AROUND = """
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


@contextmanager
def documented_proxy(home: Path, api_port: int) -> Iterator[str]:
    """The proxy's address below the prefix; only paths and ports differ from the guide's.

    Its certificate is `home/prodops.pem`, for 127.0.0.1 and the guide's host.
    """
    program = require_nginx()
    (port,) = free_ports(1)
    _make_certificate(home)
    made = ["openssl", "passwd", "-apr1", PASSWORD]
    digest = subprocess.run(made, capture_output=True, text=True, check=True).stdout
    (home / "prodops.htpasswd").write_text(f"{USER}:{digest}")
    (home / "prodops.htpasswd").chmod(0o644)
    home.chmod(0o755)
    [documented] = _BLOCK.findall(GUIDE.read_text())
    told = (
        documented.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
        .replace("http://127.0.0.1:8002", f"http://127.0.0.1:{api_port}")
        .replace("/etc/nginx/", f"{home}/")
    )
    (home / "nginx.conf").write_text(_AROUND.format(home=home, documented=told))
    process = subprocess.Popen([program, "-c", f"{home}/nginx.conf", "-e", f"{home}/error.log"])
    try:
        wait_until(lambda: is_listening(process, port, home))
        yield f"https://127.0.0.1:{port}/swf-monitor"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _make_certificate(home: Path) -> None:
    names = "subjectAltName=DNS:prodops.example.org,IP:127.0.0.1"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-keyout", home / "prodops.key", "-out", home / "prodops.pem"]
    rest = ["-nodes", "-days", "2", "-subj", "/CN=prodops.example.org", "-addext", names]
    subprocess.run([*made, *files, *rest], check=True, capture_output=True)
