"""The file ``.token`` of panda-client: the token endpoint's answer, kept between commands.

panda-client writes it readable for all, in place, and without a lock; here it is replaced at once.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from blocks.errors import OutsideUnavailable
from blocks.panda_server.errors import TokenRefused
from blocks.panda_server.identity import Identity

TOKEN_NAME = ".token"  # noqa: S105 - panda-client's name of the file
_LARGEST_BYTES = 1 << 20
_ROOM_BYTES = 1 << 16
_OWNERS_ALONE = 0o600


@dataclass(frozen=True)
class StoredToken:
    """What the file holds: the endpoint's fields, among them secrets."""

    fields: dict[str, Any] = field(repr=False)
    remarks: tuple[str, ...] = ()

    @property
    def refresh_token(self) -> str | None:
        """What a new token is asked for with."""
        token = self.fields.get("refresh_token")
        return token if isinstance(token, str) and token else None

    def identity(self) -> Identity:
        """Whose token it is.

        Raises:
            TokenRefused: There is no readable token among the fields.
        """
        identity = Identity.of(self.fields.get("id_token") or "")
        return replace(identity, remarks=self.remarks)


class TokenFile:
    """The file ``.token`` in one directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / TOKEN_NAME

    def read(self) -> StoredToken:
        """Read the file; one of ours that others may read is closed to them.

        Raises:
            TokenRefused: It is absent, another user's, writable for all, or holds no JSON object.
        """
        try:
            content, remarks = _private_content(self.path)
            fields = json.loads(content)
        except FileNotFoundError:
            raise TokenRefused(f"there is no token in {self.path}") from None
        except OSError as error:
            raise TokenRefused(f"{self.path} cannot be read: {error.strerror}") from None
        except ValueError:
            raise TokenRefused(f"{self.path} holds no JSON") from None
        if not isinstance(fields, dict):
            raise TokenRefused(f"{self.path} holds no JSON object")
        return StoredToken(fields, remarks)

    @contextmanager
    def lock(self, timeout_seconds: float) -> Iterator[None]:
        """Keep the other processes that refresh the token away.

        Raises:
            OutsideUnavailable: Another has the lock for too long, or there can be none.
        """
        path = self.path.with_name(TOKEN_NAME + ".lock")
        lock = FileLock(path, timeout=timeout_seconds, mode=_OWNERS_ALONE)
        try:
            lock.acquire()
        except OSError as error:  # filelock's Timeout is one
            reason = error.strerror or "another process holds it"
            raise OutsideUnavailable(f"no lock on {self.path}: {reason}") from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def replacement(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Take room for new content before the old is used up; yields what puts it in place.

        Under :meth:`lock` only. A reader sees the old file or the new one, whole, at any time.

        Raises:
            OutsideUnavailable: There is no room, or no right to write.
        """
        try:
            target = self.path.resolve()
            room = target.with_name(TOKEN_NAME + ".new")
            handle = _take_room(room)
        except OSError as error:
            reason = error.strerror
            raise OutsideUnavailable(f"{self.path} cannot be written: {reason}") from None
        try:
            yield lambda fields: _put_in_place(handle, room, target, fields)
        finally:
            os.close(handle)
            room.unlink(missing_ok=True)


def private_text(path: Path) -> str:
    """The content of a secret's file, which nobody else may have read or written.

    Raises:
        TokenRefused: It cannot be read, or another may.
    """
    try:
        status = path.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise TokenRefused(f"{path} is open to others: chown it to us, and chmod 600 {path}")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise TokenRefused(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise TokenRefused(f"{path} holds no text") from None


def _private_content(path: Path) -> tuple[bytes, tuple[str, ...]]:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        mode = stat.S_IMODE(status.st_mode)
        if not stat.S_ISREG(status.st_mode):
            raise TokenRefused(f"{path} is no file")
        if status.st_uid != os.geteuid():
            raise TokenRefused(f"{path} belongs to another user (uid {status.st_uid})")
        if mode & stat.S_IWOTH:
            raise TokenRefused(f"{path} may be written by everybody: whose token it is, none knows")
        remarks: tuple[str, ...] = ()
        if mode & 0o077:
            os.fchmod(handle, _OWNERS_ALONE)
            remarks = (f"{path} was open to others (mode {mode:04o}); it is 0600 now",)
        return file.read(_LARGEST_BYTES), remarks


def _take_room(room: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(room, flags, _OWNERS_ALONE)
    try:
        os.fchmod(handle, _OWNERS_ALONE)
        os.posix_fallocate(handle, 0, _ROOM_BYTES)
    except OSError:
        os.close(handle)
        room.unlink(missing_ok=True)
        raise
    return handle


def _put_in_place(handle: int, room: Path, target: Path, fields: dict[str, Any]) -> None:
    content = json.dumps(fields).encode()
    os.pwrite(handle, content, 0)
    os.ftruncate(handle, len(content))
    os.fsync(handle)
    room.replace(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
