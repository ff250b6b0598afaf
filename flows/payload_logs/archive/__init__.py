"""The archive of a payload log: read forward within bounds, and its known members unpacked."""

from __future__ import annotations

from flows.payload_logs.archive.contents import Unshown
from flows.payload_logs.archive.unpacking import Member, Unpacked, unpack

__all__ = ["Member", "Unpacked", "Unshown", "unpack"]
