"""Reading a Rucio catalogue: replicas, datasets, files, metadata, rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from blocks.closing import Closing
from blocks.rucio_catalog.access import RucioAccess
from blocks.rucio_catalog.errors import DidNotFound, NoReplicas, RucioUnavailable
from blocks.rucio_catalog.names import about, check_did, check_pattern
from blocks.rucio_catalog.parallel import in_parallel
from blocks.rucio_catalog.pool import SessionPool
from blocks.rucio_catalog.records import (
    Answers,
    Child,
    DatasetFile,
    DatasetReplica,
    DidMetadata,
    FileReplicas,
    Rule,
)
from blocks.rucio_catalog.rows import (
    account_status,
    door,
    file_of,
    file_replicas,
    read,
    rse_type,
    rule,
    text,
)
from blocks.rucio_catalog.session import RucioSession

_MOST_METADATA = 1000
"""More DIDs in one ``bulkmeta`` are refused (InvalidObject)."""

_DATASETS_PER_STREAM = 50
"""In one ``bulkfiles``: 1e5 files of 370 datasets take 1.8 s so, and 2.9 s (on the same two cores)
with 10 or with one ``/files`` each; with 200 no less, and all of an answer is in memory."""

_T = TypeVar("_T")
_Named = TypeVar("_Named", FileReplicas, DidMetadata)
_Ask = Callable[[RucioSession, Sequence[Mapping[str, str]]], Any]


class RucioCatalog(Closing):
    """One catalogue and one identity, for any number of threads.

    Every method raises RucioUnavailable, RucioUnauthorized or RucioRefused as Rucio answers, and
    ProxyUnusable where the x509 proxy is no good; those that take one name raise InvalidName.
    """

    def __init__(self, access: RucioAccess, *, threads: int = 4, dids_per_call: int = 200) -> None:
        """Make the client; nothing is connected yet.

        Args:
            access: where, and as whom.
            threads: requests at a time, of one call about many DIDs.
            dids_per_call: DIDs in one such request, 1000 at most.
        """
        self._account = access.account
        self._sessions = SessionPool(access)
        self._threads = threads
        self._dids_per_call = min(dids_per_call, _MOST_METADATA)

    def close(self) -> None:
        """Close the connections."""
        self._sessions.close()

    def did(self, scope: str, name: str) -> DidMetadata:
        """What Rucio keeps of a DID.

        Raises:
            DidNotFound: It is not in Rucio.
        """
        check_did(scope, name)
        # In a body: on the way through a URL a name without a leading slash gets one.
        with about(scope, name):
            found = self.metadata(scope, [name]).found
        if name not in found:
            raise DidNotFound(scope, name)
        return found[name]

    def replicas(self, scope: str, name: str) -> FileReplicas:
        """Where a file is, replicas of every state included, and those without a way to them.

        Raises:
            DidNotFound: Rucio does not know the file.
            NoReplicas: It knows no place of it.
        """
        check_did(scope, name)
        with self._sessions.session() as session:
            wanted = [{"scope": scope, "name": name}]
            answered = _list_replicas(session, wanted)
            found = [each for each in read(file_replicas, answered) if each.name == name]
            if found and found[0].states:
                return found[0]
            # Of a file this gives the file itself, and unlike others it takes any name.
            is_known = any(True for _ in session.bulk_list_files(wanted))
        raise (NoReplicas if is_known else DidNotFound)(scope, name)

    def replicas_of(self, scope: str, names: Iterable[str]) -> Answers[FileReplicas]:
        """Where files are; one without a replica is among the missing, as one that is unknown."""
        return self._answers(_list_replicas, file_replicas, scope, names)

    def list_datasets(self, scope: str, pattern: str) -> Iterator[str]:
        """Names of the datasets that match, as they come; ``*`` stands for any text."""
        return self._search(scope, pattern, "dataset")

    def list_collections(self, scope: str, pattern: str) -> Iterator[str]:
        """As :meth:`list_datasets`, and containers."""
        return self._search(scope, pattern, "collection")

    def list_files_created_after(
        self, scope: str, pattern: str, *, since: datetime
    ) -> Iterator[str]:
        """Names of the matching files that were registered after an aware time."""
        floor = since.astimezone(UTC).replace(tzinfo=None)
        return self._search(scope, pattern, "file", created_after=floor)

    def content(self, scope: str, name: str) -> Iterator[Child]:
        """What a container or dataset holds, one level down.

        Raises:
            DidNotFound: It is not in Rucio.
        """
        check_did(scope, name)

        def child(row: Mapping[str, Any]) -> Child:
            return Child(row["scope"], row["name"], row["type"])

        with self._sessions.session() as session, about(scope, name):
            yield from read(child, session.list_content(scope, name))

    def rules_of(self, scope: str, name: str) -> tuple[Rule, ...]:
        """The rules that keep a DID somewhere.

        Raises:
            DidNotFound: It is not in Rucio.
        """
        check_did(scope, name)
        with self._sessions.session() as session, about(scope, name):
            return tuple(read(rule, session.list_did_rules(scope, name)))

    def files_of(self, scope: str, names: Iterable[str]) -> Iterator[DatasetFile]:
        """The files of datasets, as Rucio sends them; one in a dataset's container counts too.

        Raises:
            IncompleteAnswer: Some datasets are not in Rucio; after all the others' files.
        """
        wanted = list(dict.fromkeys(names))
        silent = set(wanted)
        ask, form = RucioSession.bulk_list_files, file_of(wanted)
        for files in self._bulk(ask, form, scope, wanted, _DATASETS_PER_STREAM):
            silent.difference_update(file.dataset for file in files)
            yield from files
        # Rucio says the same of an empty dataset as of none: nothing.
        self.metadata(scope, [name for name in wanted if name in silent]).complete()

    def metadata(self, scope: str, names: Iterable[str]) -> Answers[DidMetadata]:
        """What Rucio keeps of each DID."""
        return self._answers(RucioSession.get_metadata_bulk, DidMetadata.of, scope, names)

    def dataset_replicas(
        self, scope: str, names: Iterable[str]
    ) -> Answers[tuple[DatasetReplica, ...]]:
        """What each RSE has of each dataset; nothing for one that is nowhere."""
        wanted = list(dict.fromkeys(names))
        found: dict[str, tuple[DatasetReplica, ...]] = dict.fromkeys(wanted, ())
        ask, form = RucioSession.list_dataset_replicas_bulk, DatasetReplica.of
        for records in self._bulk(ask, form, scope, wanted, self._dids_per_call):
            for record in records:
                found[record.raw["name"]] += (record,)
        empty = [name for name, records in found.items() if not records]
        missing = self.metadata(scope, empty).missing if empty else ()
        known = {name: records for name, records in found.items() if name not in {*missing}}
        return Answers(known, missing)

    def version(self) -> str:
        """Rucio's own version; no identity is shown for it."""
        with self._sessions.session() as session:
            return session.version()

    def account_status(self) -> str:
        """The status of our account, such as ``ACTIVE``; read in its name."""
        with self._sessions.session() as session:
            # Not `whoami`, which is a redirect to this.
            for status in read(account_status, session.account(self._account)):
                return status
        raise RucioUnavailable("Rucio gave nothing of our account")

    def doors_of(self, rse: str) -> tuple[str, ...]:
        """The doors of an RSE, as ``scheme://host:port``."""
        with self._sessions.session() as session:
            found = session.get_protocols(rse)
        protocols = found if isinstance(found, list) else [found]
        return tuple(dict.fromkeys(read(door, protocols)))

    def rse_types(self) -> dict[str, str]:
        """``DISK`` or ``TAPE`` of each RSE, as Rucio has it; by the RSE's name."""
        with self._sessions.session() as session:
            return dict(read(rse_type, session.list_rses()))

    def _search(self, scope: str, pattern: str, did_type: str, **more: Any) -> Iterator[str]:
        check_pattern(scope, pattern)
        with self._sessions.session() as session:
            filters = [{"name": pattern, **more}]
            yield from read(text, session.list_dids(scope, filters, did_type=did_type))

    def _answers(
        self, ask: _Ask, form: Callable[[Any], _Named], scope: str, names: Iterable[str]
    ) -> Answers[_Named]:
        wanted = list(dict.fromkeys(names))
        chunks = self._bulk(ask, form, scope, wanted, self._dids_per_call)
        found = {each.name: each for chunk in chunks for each in chunk}
        return Answers(found, tuple(name for name in wanted if name not in found))

    def _bulk(
        self, ask: _Ask, form: Callable[[Any], _T], scope: str, names: Sequence[str], size: int
    ) -> Iterator[list[_T]]:
        """The rows about many DIDs, asked for by the `size`."""

        def work(chunk: Sequence[str]) -> list[_T]:
            dids = [{"scope": scope, "name": name} for name in chunk]
            with self._sessions.session() as session:
                return list(read(form, ask(session, dids)))

        return in_parallel(work, names, size=size, threads=self._threads)


def _list_replicas(session: RucioSession, dids: Sequence[Mapping[str, str]]) -> Any:
    # Not sorted by distance: that asks a geographical database for each replica.
    return session.list_replicas(dids, all_states=True, sort="random")
