"""Writing to a Rucio catalogue: datasets, and replicas of files that a storage has already.

Everything here may be done again: what is there already is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blocks.rucio_catalog.catalog import RucioCatalog
from blocks.rucio_catalog.errors import (
    DidNotFound,
    IncompleteAnswer,
    ReplicaConflict,
    RucioRefused,
)
from blocks.rucio_catalog.names import about, check_did
from blocks.rucio_catalog.parallel import chunks
from blocks.rucio_catalog.records import DidMetadata, NewFile

_FILES_PER_CALL = 200
"""Rucio compares each new file with each known one of a call."""

_ALREADY = "DataIdentifierAlreadyExists"
_DATASET, _FILE = "DATASET", "FILE"


class RucioRegistration(RucioCatalog):
    """One catalogue and one identity that may write to it too; errors as of its base."""

    def ensure_dataset(self, scope: str, name: str) -> bool:
        """Make a dataset unless it is there; whether it was made now.

        Raises:
            ReplicaConflict: The name is that of a file or container.
        """
        check_did(scope, name)
        try:
            _require_type(self.did(scope, name), _DATASET)
        except DidNotFound:
            return self._make_dataset(scope, name)
        return False

    def add_replicas(self, rse: str, scope: str, files: Sequence[NewFile]) -> int:
        """Tell Rucio of files at an RSE; return how many it did not know to be there.

        Raises:
            ReplicaConflict: Rucio has a file of that name with another size or checksum, and of
                the files after those that were registered before, none was added.
        """
        for file in files:
            check_did(scope, file.name)
        added = 0
        for part in chunks(files, _FILES_PER_CALL):
            known = self.metadata(scope, [file.name for file in part]).found
            for file in part:
                _require_same(scope, file, known.get(file.name))
            there = self._at(rse, scope, [file.name for file in part if file.name in known])
            new = [_as_row(scope, file) for file in part if file.name not in there]
            if new:
                with self._sessions.session() as session, about(scope, part[0].name):
                    session.add_replicas(rse, new)
            added += len(new)
        return added

    def attach_files(self, scope: str, dataset: str, names: Sequence[str]) -> int:
        """Put files into a dataset; return how many were not in it.

        Raises:
            DidNotFound: There is no such dataset, or a file is not in Rucio.
        """
        check_did(scope, dataset)
        try:
            there = {file.name for file in self.files_of(scope, [dataset])}
        except IncompleteAnswer as error:
            raise DidNotFound(scope, dataset) from error
        absent = [name for name in dict.fromkeys(names) if name not in there]
        for part in chunks(absent, _FILES_PER_CALL):
            for missing in self.metadata(scope, part).missing:
                raise DidNotFound(scope, missing)
            dids = [{"scope": scope, "name": name} for name in part]
            row = {"scope": scope, "name": dataset, "dids": dids}
            with self._sessions.session() as session, about(scope, dataset):
                session.attach_dids_to_dids([row], ignore_duplicate=True)
        return len(absent)

    def close_dataset(self, scope: str, name: str) -> bool:
        """Close a dataset, which fixes its length; whether it was open.

        Raises:
            DidNotFound: There is none.
        """
        if self.did(scope, name).is_open is False:
            return False
        with self._sessions.session() as session, about(scope, name):
            session.close(scope, name)
        return True

    def _at(self, rse: str, scope: str, names: Sequence[str]) -> set[str]:
        """Which of the files Rucio knows to be at the RSE, in whatever state."""
        if not names:
            return set()
        dids = [{"scope": scope, "name": name} for name in names]
        with self._sessions.session() as session:
            found = session.list_replicas(dids, all_states=True, sort="random", rse_expression=rse)
            return {row["name"] for row in found if rse in row["rses"]}

    def _make_dataset(self, scope: str, name: str) -> bool:
        with self._sessions.session() as session, about(scope, name):
            try:
                session.add_dataset(scope, name)
            except RucioRefused as refusal:
                if refusal.exception_class != _ALREADY:
                    raise
                return False  # somebody else was faster
        return True


def _as_row(scope: str, file: NewFile) -> Mapping[str, Any]:
    row = {
        "scope": scope, "name": file.name, "bytes": file.size_bytes, "adler32": file.adler32,
    }  # fmt: skip
    return row | ({"pfn": file.pfn} if file.pfn is not None else {})


def _require_type(known: DidMetadata, did_type: str) -> None:
    if known.did_type != did_type:
        raise ReplicaConflict(
            known.scope, known.name, known=f"type {known.did_type}", given=f"type {did_type}"
        )


def _require_same(scope: str, file: NewFile, known: DidMetadata | None) -> None:
    if known is None:
        return
    _require_type(known, _FILE)
    has = (known.size_bytes, (known.adler32 or "").lower())
    if has != (file.size_bytes, file.adler32.lower()):
        raise ReplicaConflict(
            scope, file.name, known=f"{has[0]} bytes, adler32 {has[1]}",
            given=f"{file.size_bytes} bytes, adler32 {file.adler32}",
        )  # fmt: skip
