"""What the codes of XRootD's client and servers mean (XrdClStatus.hh, XProtocol.hh)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from blocks.xrootd_storage.errors import (
    AuthenticationFailed,
    DestinationFailed,
    DoorClosed,
    DoorStalled,
    DoorUnavailable,
    ReplicaMissing,
    ReplicaRefused,
    StorageError,
    TransferBroken,
    UnknownHost,
)

_ANSWERED = 400
_BY_ANSWER = {3010: ReplicaRefused, 3011: ReplicaMissing, 3016: ReplicaMissing}
_BY_CODE: Mapping[int, type[StorageError]] = {
    101: UnknownHost,
    103: DoorStalled,
    203: AuthenticationFailed,
    204: AuthenticationFailed,
    206: DoorStalled,
}
_NOISE = re.compile(r"^\[\w+\]\s*(Server responded with an error:\s*(\[\d+\]\s*)?)?")
_DISCONNECTED = (102, 104, 107, 108, 109)


def error_of(url: str, failure: Mapping[str, Any]) -> StorageError:
    """The error of a failure that the copier reports."""
    phase, code, message = failure["phase"], failure["code"], _NOISE.sub("", failure["message"])
    if phase == "write":
        return DestinationFailed(url, message)
    if code == _ANSWERED and failure["number"] in _BY_ANSWER:
        return _BY_ANSWER[failure["number"]](url, message)
    if code in _BY_CODE:
        return _BY_CODE[code](url, message)
    if phase == "read":
        return TransferBroken(url, message)
    return (DoorClosed if code in _DISCONNECTED else DoorUnavailable)(url, message)
