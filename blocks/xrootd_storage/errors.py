"""What a storage door may do instead of giving a file, as typed errors."""

from __future__ import annotations

from blocks.errors import OutsideUnavailable, ProdOpsError


class StorageError(ProdOpsError):
    """A file could not be had.

    Attributes:
        pfn: URL of the file.
        reason: what happened, in one line.
    """

    fact = "cannot be read"

    def __init__(self, pfn: str, reason: str = "") -> None:
        super().__init__(f"{pfn} {self.fact}" + (f": {reason}" if reason else ""))
        self.pfn = pfn
        self.reason = reason or self.fact


class DoorUnavailable(StorageError, OutsideUnavailable):
    """The door does not do its work; another replica, or a later try, may."""


class DoorClosed(DoorUnavailable):
    """Nobody answers at the door's address."""

    fact = "is behind a closed door"


class DoorStalled(DoorUnavailable):
    """The door accepted, and then gave nothing for too long."""

    fact = "is behind a door that stalls"


class UnknownHost(DoorUnavailable):
    """The door's host name is not known."""

    fact = "is at an unknown host"


class TransferBroken(DoorUnavailable):
    """The copy ended in the middle, or what came was damaged on the way."""

    fact = "came broken"


class ReplicaMissing(StorageError):
    """The door does not have the file (XRootD 3011)."""

    fact = "does not exist"


class ReplicaRefused(StorageError):
    """The door does not give the file to this identity (XRootD 3010)."""

    fact = "is refused to us"


class AuthenticationFailed(StorageError):
    """The door does not accept our proxy, or we not its certificate; XRootD does not say which."""

    fact = "is behind a door that does not know us"


class UnsupportedScheme(StorageError):
    """The URL is not one of those that are read here."""

    fact = "is no URL of a scheme that is read here"


class SizeMismatch(StorageError):
    """The file at the door has another size than the catalogue says."""

    fact = "has a wrong size"


class ChecksumMismatch(StorageError):
    """The file at the door has another adler32 than the catalogue says."""

    fact = "has a wrong checksum"


class EmptyFile(StorageError):
    """The file at the door has no bytes, as the catalogue says or for want of its word."""

    fact = "is empty"


class DestinationFailed(StorageError):
    """The copy could not be written here, as on a full disk."""

    fact = "cannot be written here"
