"""Steps 5 and 6: the archive's members are unpacked, and put where the web reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.common.database import now
from flows.payload_logs import cache, ledger
from flows.payload_logs.archive import Member, unpack
from flows.payload_logs.copying import Archive
from flows.payload_logs.errors import CacheUnwritable
from flows.payload_logs.models import Step
from flows.payload_logs.private_directory import private_directory, remove_dead
from flows.payload_logs.workplace import workplace


@dataclass(frozen=True)
class Published:
    """A log that is in the cache now.

    Attributes:
        members: as the row keeps them, in the order they are shown.
        refused: entries of a known name that were not kept, with the reason.
    """

    members: list[dict[str, Any]]
    refused: tuple[str, ...]
    fetched_at: datetime


def publish(archive: Archive) -> Published:
    """Unpack an archive into the cache, in the place of what is there.

    Raises:
        ArchiveBroken, ArchiveTooLarge, NoKnownMember: As the archive is.
        CacheUnwritable: The cache cannot be written; nothing of it is left.
        FetchTimedOut: The time of the whole fetch is over.
    """
    log, place = archive.log, workplace()
    assert log.jeditaskid is not None  # noqa: S101 - the look-up found it
    directory = cache.directory_of(place.settings.stack.tmp_dir, log.jeditaskid, log.pandaid)
    prefix = cache.left_of(log.pandaid)
    ledger.note(log.pandaid, Step.UNPACK, "unpacking the log")
    try:
        remove_dead(directory.parent, prefix)
        with private_directory(directory.parent, prefix, parent_mode=cache.PUBLIC) as private:
            return _fill_and_publish(archive, private, directory)
    except OSError as error:
        raise CacheUnwritable(directory, error) from error


def _fill_and_publish(archive: Archive, private: Path, directory: Path) -> Published:
    place = workplace()
    limits = place.archive_limits
    unpacked = unpack(archive.path, private, limits, tick=place.tick)
    members = [asdict(each) for each in _in_order(unpacked.members, limits.names)]
    names = [each["name"] for each in members]
    ledger.note(archive.log.pandaid, Step.PUBLISH, f"publishing {', '.join(names)[:200]}")
    fetched_at = now()
    origin = {
        "request_id": place.holder.request_id,
        "scope": archive.log.scope,
        "lfn": archive.log.lfn,
        "rse": archive.rse,
        "size_bytes": archive.size_bytes,
        "adler32": archive.adler32,
        "fetched_at": fetched_at.isoformat(),
        "members": members,
        "refused": list(unpacked.refused),
    }
    cache.complete(private, names, origin)
    cache.publish(private, directory)
    return Published(members, unpacked.refused, fetched_at)


def _in_order(members: tuple[Member, ...], names: tuple[str, ...]) -> list[Member]:
    """As they are shown: by the known names, those of one name as they came."""
    rank = {name: place for place, name in enumerate(names)}
    return sorted(members, key=lambda each: rank[each.path.rpartition("/")[2]])
