"""How gunicorn serves Rucio: TLS that it ends itself and that takes RFC 3820 proxies.

Apache and nginx refuse those here, so no server stands in front.
"""  # noqa: INP001 - no package: a program of another environment

from __future__ import annotations

import os
import ssl
from collections.abc import Callable

import rucio.db.sqla.session

bind = os.environ["SANDBOX_RUCIO_BIND"]
certfile = os.environ["SANDBOX_RUCIO_CERTIFICATE"]
keyfile = os.environ["SANDBOX_RUCIO_KEY"]
ca_certs = os.environ["SANDBOX_RUCIO_CA"]
cert_reqs = ssl.CERT_OPTIONAL
worker_class = "gthread"
workers = 2
threads = 8
preload_app = True  # imported once: the workers start at once and share the memory
timeout = 600
graceful_timeout = 3
keepalive = 30
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(L)s s'
control_socket_disable = True


def ssl_context(
    config: object, default_ssl_context_factory: Callable[[], ssl.SSLContext]
) -> ssl.SSLContext:
    """The usual context, with proxy certificates allowed."""
    del config
    context = default_ssl_context_factory()
    context.verify_flags |= ssl.VERIFY_ALLOW_PROXY_CERTS
    # Python 3.13 sets it, Apache does not: user certificates of CILogon, and many proxies, have no
    # authority key identifier (italiangrid/voms, pull request 120).
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def post_fork(server: object, worker: object) -> None:
    """Let each worker make its own database connections: Rucio has some when it is imported."""
    del server, worker
    kept = vars(rucio.db.sqla.session)
    if kept["_ENGINE"] is not None:
        kept["_ENGINE"].dispose(close=False)
    kept.update(_ENGINE=None, _MAKER=None)
