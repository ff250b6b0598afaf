"""Makes `check_pipeline` misbehave in the run's process of another pool, as the file `PROBE` says.

The pool's worker has this directory in its PYTHONPATH: deployment, entrypoint and all around the
flow stay as they are.
"""

import json
import os
import sys
from pathlib import Path


def _meddle(wanted):
    os.environ.update(wanted.get("environment", {}))
    from deployments import catalogue  # noqa: PLC0415 - in a run's process only
    from flows.housekeeping.actions import CHECK_PIPELINE  # noqa: PLC0415
    from tests.e2e.probe_flows import elsewhere  # noqa: PLC0415

    flow = catalogue.flow_of(CHECK_PIPELINE.name)
    done_before = getattr(elsewhere, wanted["does"])
    original = flow.fn

    def start(**parameters):
        done_before()
        return original(**parameters)

    start.__signature__ = original.__signature__
    flow.fn = start
    if "limit_seconds" in wanted:
        object.__setattr__(CHECK_PIPELINE, "timeout_seconds", wanted["limit_seconds"])


if "prefect.engine" in sys.orig_argv and Path(os.environ["PROBE"]).exists():
    sys.path.insert(0, os.environ["PROBE_ROOT"])
    _meddle(json.loads(Path(os.environ["PROBE"]).read_text()))
