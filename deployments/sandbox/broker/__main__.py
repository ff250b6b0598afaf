"""`python -m deployments.sandbox.broker`: the sandbox's message broker in the foreground."""

from __future__ import annotations

import sys

from blocks.errors import ProdOpsError
from deployments.sandbox.broker.server import run
from flows.common.settings import settings

if __name__ == "__main__":
    try:
        run(settings())
    except ProdOpsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(getattr(error, "exit_code", 1))
