"""How gunicorn serves Rucio: TLS that it ends itself and that takes RFC 3820 proxies.

Apache and nginx refuse those here, so no server stands in front.
"""

import os
import ssl

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


def ssl_context(config, default_ssl_context_factory):
    """The usual context, with proxy certificates allowed."""
    del config
    context = default_ssl_context_factory()
    context.verify_flags |= ssl.VERIFY_ALLOW_PROXY_CERTS
    return context


def post_fork(server, worker):
    """Let each worker make its own database connections."""
    del server, worker
    if rucio.db.sqla.session._ENGINE is not None:
        rucio.db.sqla.session._ENGINE.dispose(close=False)
        rucio.db.sqla.session._ENGINE = None
        rucio.db.sqla.session._MAKER = None
