"""The PanDA of the sandbox: what the unmodified prun needs of a PanDA server, with faults."""

from deployments.sandbox.panda.faults import Fault, FaultKind, When
from deployments.sandbox.panda.sandbox import PandaSandbox
from deployments.sandbox.panda.service import serve
from deployments.sandbox.panda.statuses import Status

__all__ = ["Fault", "FaultKind", "PandaSandbox", "Status", "When", "serve"]
