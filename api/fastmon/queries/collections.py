"""The REST collections of runs, STF files and TF files, and their deletion. Nothing here commits.

Source: fastmon contract sections 3.6 to 3.8.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    and_,
    delete,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import Session

from api.http.collections.store import Collection, Filter, Key, as_uuid, table_of
from blocks.errors import Refused
from flows.fastmon.models import FastmonFile, Run, StfFile, Tally, TallyKind


class MadeBySampler(Refused):
    """The sampler made these TF files, so that only the ops role may write them."""

    def __init__(self, count: int) -> None:
        self.count = count
        files = "1 TF file was" if count == 1 else f"{count} TF files were"
        super().__init__(f"{files} made by the sampler, which alone may change or delete them.")


_RUNS: Final = table_of(Run)
_STFS: Final = table_of(StfFile)
_TFS: Final = table_of(FastmonFile)
_TALLIES: Final = table_of(Tally)


def _run_id(number: int) -> ScalarSelect[int]:
    run = _RUNS.alias("wanted_run")  # another than the one that the list joins
    return select(run.c.run_id).where(run.c.run_number == number).scalar_subquery()


def stf_of_run(number: int) -> ColumnElement[bool]:
    """That an STF is of the run: by the key, and looked for from the run's first to its last.

    By the key alone, the files of all other runs might be read before its first one is given.
    """
    own = _STFS.alias("own_stf")
    first, last = (
        select(edge(own.c.created_at)).where(own.c.run_id == _run_id(number)).scalar_subquery()
        for edge in (func.min, func.max)
    )
    return and_(_STFS.c.run_id == _run_id(number), _STFS.c.created_at.between(first, last))


def tf_of_run(number: int) -> ColumnElement[bool]:
    """That a TF is of the run, by its STF: looked up for those that came while its TFs did.

    Joined otherwise, all STFs of the run would be read before its first TF is given.
    """
    stf = _STFS.alias("own_stf")
    run_id = select(stf.c.run_id).where(stf.c.file_id == _TFS.c.stf_file_id)
    in_all = (
        _TALLIES.c.run_number == number,
        _TALLIES.c.kind == literal_column(f"'{TallyKind.TFS}'"),
        _TALLIES.c.at == literal_column("'-infinity'"),
    )
    first = select(func.min(_TALLIES.c.first_at)).where(*in_all).scalar_subquery()
    last = select(func.max(_TALLIES.c.last_at)).where(*in_all).scalar_subquery()
    is_own = run_id.correlate(_TFS).scalar_subquery() == _run_id(number)
    return and_(_TFS.c.created_at.between(first, last), is_own)


def _of(
    condition: Callable[[int], ColumnElement[bool]],
) -> Callable[[Any, int], ColumnElement[bool]]:
    return lambda _column, number: condition(number)


RUNS: Final = Collection(
    name="Run",
    words="run",
    table=_RUNS,
    rows=select(_RUNS),
    order=(_RUNS.c.run_id,),
    filters={"run_number": Filter(_RUNS.c.run_number, "The run's number.")},
)

STF_FILES: Final = Collection(
    name="StfFile",
    words="stf file",
    table=_STFS,
    rows=select(
        *(column for column in _STFS.c if column.name != "run_id"), _STFS.c.run_id.label("run")
    ),
    order=(_STFS.c.created_at, _STFS.c.file_id),
    filters={
        "stf_filename": Filter(_STFS.c.stf_filename, "The file's name."),
        "run_number": Filter(_RUNS.c.run_number, "Number of the run.", _of(stf_of_run)),
        "status": Filter(_STFS.c.status, "Status of the file."),
        "workflow_id": Filter(_STFS.c.workflow_id, "The workflow it belongs to."),
    },
    columns={"run": "run_id"},
    counted=select(_STFS.c.file_id),
)


def _refuse_sampled(session: Session, which: ColumnElement[bool]) -> None:
    query = select(func.count()).select_from(_TFS).where(_TFS.c.sampled_by.is_not(None), which)
    if sampled := session.scalar(query):
        raise MadeBySampler(sampled)


TF_FILES: Final = Collection(
    name="FastMonFile",
    words="fast mon file",
    table=_TFS,
    rows=select(
        *(column for column in _TFS.c if column.name not in {"stf_file_id", "sampled_by"}),
        _STFS.c.stf_filename.label("stf_file"),
    ).join(_STFS, _STFS.c.file_id == _TFS.c.stf_file_id),
    order=(_TFS.c.created_at, _TFS.c.tf_file_id),
    filters={
        "tf_filename": Filter(_TFS.c.tf_filename, "The file's name."),
        "stf_filename": Filter(_STFS.c.stf_filename, "Name of its STF file."),
        "status": Filter(_TFS.c.status, "Status of the file."),
        "run_id": Filter(
            _RUNS.c.run_number, "Number of the run, as messages call it.", _of(tf_of_run)
        ),
        "run_number": Filter(_RUNS.c.run_number, "Number of the run.", _of(tf_of_run)),
    },
    columns={"stf_file": "stf_file_id"},
    counted=select(_TFS.c.tf_file_id),
    guard=_refuse_sampled,
)


def find_stf(session: Session, name_or_id: str) -> uuid.UUID | None:
    """Key of the STF file of that name, else of that id; None where there is none."""
    by_name = select(StfFile.file_id).where(StfFile.stf_filename == name_or_id)
    found = session.scalar(by_name)
    if found is None and (key := as_uuid(name_or_id)) is not None:
        found = session.scalar(select(StfFile.file_id).where(StfFile.file_id == key))
    return found


# ------------------------------------------------------------------ writing


def remove_run(session: Session, key: Key) -> None:
    """Delete a run with its STF files and their TF files.

    Raises:
        NotFound: There is no such run.
        MadeBySampler: Some of the TF files are the sampler's; nothing is deleted.
    """
    # Locked from the parent down: no child can be added until the commit.
    _lock(session, RUNS, key)
    _remove_stfs(session, _STFS.c.run_id == key)
    session.execute(delete(_RUNS).where(_RUNS.c.run_id == key))


def remove_stf(session: Session, key: Key) -> None:
    """Delete an STF file with its TF files.

    Raises:
        NotFound: There is no such STF file.
        MadeBySampler: Some of the TF files are the sampler's; nothing is deleted.
    """
    _lock(session, STF_FILES, key)
    _remove_stfs(session, _STFS.c.file_id == key)


def remove_tf(session: Session, key: Key) -> None:
    """Delete a TF file.

    Raises:
        NotFound: There is no such TF file.
        MadeBySampler: It is the sampler's.
    """
    _refuse_sampled(session, _TFS.c.tf_file_id == key)
    gone = session.scalar(delete(_TFS).where(_TFS.c.tf_file_id == key).returning(_TFS.c.tf_file_id))
    if gone is None:
        raise TF_FILES.not_found()


def _lock(session: Session, collection: Collection, key: Key) -> None:
    wanted = select(collection.key).where(collection.key == key).with_for_update()
    if session.scalar(wanted) is None:
        raise collection.not_found()


def _remove_stfs(session: Session, which: ColumnElement[bool]) -> None:
    locked = select(_STFS.c.file_id).where(which).order_by(_STFS.c.file_id).with_for_update()
    session.execute(select(func.count()).select_from(locked.subquery()))
    theirs = exists().where(which, _STFS.c.file_id == _TFS.c.stf_file_id)
    _refuse_sampled(session, theirs)
    session.execute(delete(_TFS).where(theirs))
    session.execute(delete(_STFS).where(which))
