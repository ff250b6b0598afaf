"""`python -m deployments.sandbox.panda`: the PanDA of the sandbox in the foreground."""

import sys

from deployments.logs import configure_logging
from deployments.sandbox.panda.service import serve
from flows.common.settings import settings

if __name__ == "__main__":
    configure_logging()
    sys.exit(serve(settings()))
