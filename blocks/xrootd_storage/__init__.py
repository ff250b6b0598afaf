"""Storage that speaks XRootD: files copied, listed and checked, within limits of time.

Needs URLs, an x509 proxy and CA certificates where a door asks for them, all passed in.
"""

from __future__ import annotations

from blocks.xrootd_storage.access import XrootdAccess, XrootdLimits
from blocks.xrootd_storage.errors import (
    AuthenticationFailed,
    ChecksumMismatch,
    DestinationFailed,
    DoorClosed,
    DoorStalled,
    EmptyFile,
    ReplicaMissing,
    ReplicaRefused,
    SizeMismatch,
    StorageError,
    TransferBroken,
    UnknownHost,
    UnsupportedScheme,
)
from blocks.xrootd_storage.storage import StoredFile, checksums, copy, list_directories

__all__ = [
    "AuthenticationFailed",
    "ChecksumMismatch",
    "DestinationFailed",
    "DoorClosed",
    "DoorStalled",
    "EmptyFile",
    "ReplicaMissing",
    "ReplicaRefused",
    "SizeMismatch",
    "StorageError",
    "StoredFile",
    "TransferBroken",
    "UnknownHost",
    "UnsupportedScheme",
    "XrootdAccess",
    "XrootdLimits",
    "checksums",
    "copy",
    "list_directories",
]
