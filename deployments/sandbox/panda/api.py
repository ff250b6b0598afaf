"""All methods of PanDA's REST API that the sandbox has (panda-server 1.0.4, ``/api/v1``)."""

from deployments.sandbox.panda import commands, lookups, submission
from deployments.sandbox.panda.registry import ENDPOINTS, Panda

DECLARED_IN = (submission, lookups, commands)
"""The modules whose import fills `ENDPOINTS`."""

__all__ = ["DECLARED_IN", "ENDPOINTS", "Panda"]
