"""The cache of sandboxes: files that prun uploads, kept with who sent them."""

from __future__ import annotations

import json
import struct
import threading
import time
import zlib
from pathlib import Path

from deployments.sandbox.files import private_text, write_private
from deployments.sandbox.panda.protocol import Envelope, Upload

_MIB = 1024 * 1024
_NO_BUILD_LIMIT_BYTES = 10 * _MIB
_SOURCES_LIMIT_BYTES = 768 * _MIB
UPLOAD_LIMIT_BYTES = _SOURCES_LIMIT_BYTES + _MIB
_KEPT_SECONDS = 3 * 86_400
_FOOTER_BYTES = 8
_GZIP_WINDOW = 31


class SandboxCache:
    """A directory of uploaded files, and a list of whose they are."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._list = directory / ".list.json"
        self._lock = threading.Lock()

    def keep(self, upload: Upload, user_name: str) -> Envelope:
        """Keep an uploaded file, if it is whole, not too large, and new."""
        name = upload.name.rsplit("/", 1)[-1]
        is_source = name.startswith("sources.")
        limit = _SOURCES_LIMIT_BYTES if is_source else _NO_BUILD_LIMIT_BYTES
        size = len(upload.content)
        if size > limit:
            return Envelope(False, f"ERROR: upload failure. Exceeded size limit {size}>{limit}.")
        checksum = _checksum(upload.content)
        if not name or name.startswith(".") or checksum is None:
            return Envelope(False, "ERROR: cannot write file")
        with self._lock:
            path = self._directory / name
            if path.exists():
                return Envelope(False, "ERROR: cannot overwrite file")
            path.write_bytes(upload.content)
            entry = [name, user_name, size, checksum, time.time()]
            write_private(self._list, json.dumps([*self._entries(), entry]))
        return Envelope(True)

    def find(self, user_name: str, size: int, checksum: int) -> Envelope:
        """A file of the last days with the same size and checksum, from the same user."""
        with self._lock:
            entries = self._entries()
        oldest = time.time() - _KEPT_SECONDS
        for name, owner, kept_size, kept_checksum, at in entries:
            if (owner, kept_size, kept_checksum) == (user_name, size, checksum) and at > oldest:
                return Envelope(True, f"FOUND:127.0.0.1:{name}")
        return Envelope(False, "NOTFOUND")

    def read(self, name: str) -> bytes | None:
        """A kept file."""
        path = self._directory / name
        is_inside = path.parent == self._directory and not name.startswith(".")
        return path.read_bytes() if is_inside and path.is_file() else None

    def _entries(self) -> list[tuple[str, str, int, int, float]]:
        return [tuple(entry) for entry in json.loads(private_text(self._list, "[]"))]


def _checksum(content: bytes) -> int | None:
    """The CRC that a gzip file ends with; None where the file is not whole."""
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        data = content
        while data and not unpacker.eof:
            unpacker.decompress(data, _MIB)
            data = unpacker.unconsumed_tail
    except zlib.error:
        return None
    if not unpacker.eof:
        return None
    checksum, _size = struct.unpack("<II", content[-_FOOTER_BYTES:])
    return int(checksum)
