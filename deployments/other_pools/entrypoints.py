"""The flows of all actions by the names that their deployments' entrypoints have.

A process that a worker of Prefect's own started loads its flow here. The warm worker starts its
runs by itself, from the flows' own modules.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import prefect

from deployments.other_pools.runs import flow_of
from flows.common import actions

_flow = cache(lambda name: flow_of(actions.get(name)))


def __getattr__(name: str) -> prefect.Flow[..., Any]:
    if name not in actions.all_actions():
        raise AttributeError(f"there is no action {name!r}")
    return _flow(name)
