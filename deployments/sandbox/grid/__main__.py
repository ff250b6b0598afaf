"""`python -m deployments.sandbox.grid PART`: a part of the sandbox's grid in the foreground."""

from __future__ import annotations

import sys

from blocks.errors import ProdOpsError
from deployments.sandbox.grid import doors, gateway, rucio_server, server_environment
from flows.common.settings import settings


def main(part: str) -> None:
    """Become the part's server; ``prepare`` makes what the parts need, and ends."""
    configured = settings()
    if part == "prepare":
        rucio_server.RucioServer(configured).make_files()
        server_environment.server_python()
        return
    if part == "rucio":
        rucio_server.run(configured)
    if part == "gateway":
        gateway.run(configured)
    doors.run(configured, part, rucio_server.RucioServer(configured).certificates)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except ProdOpsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(getattr(error, "exit_code", 1))
