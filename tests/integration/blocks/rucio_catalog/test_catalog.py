"""The Rucio adapter against a real Rucio: what it reads, registers, and is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.rucio_catalog import (
    DidNotFound,
    IncompleteAnswer,
    NewFile,
    NoReplicas,
    RucioAccess,
    RucioCatalog,
    RucioRegistration,
    RucioUnauthorized,
)
from blocks.rucio_catalog.errors import InvalidName, ReplicaConflict, RucioRefused, RucioUnavailable
from blocks.x509_proxy import ProxyExpired, ProxyMissing
from deployments.sandbox.grid.logs import make_log
from tests.cutting_proxy import cutting_proxy
from tests.grid import RunningGrid

__all__ = ["cutting_proxy"]

pytestmark = pytest.mark.integration

SCOPE = "epic"


def access(grid: RunningGrid, account: str = "eicread", **more: Any) -> RucioAccess:
    given: dict[str, Any] = {
        "url": grid.url, "account": account, "username": account, "ca_file": grid.ca_file,
        "password_file": grid.password_file(account), "timeout_seconds": 20.0,
    }  # fmt: skip
    return RucioAccess(**{**given, **more})


def by_proxy(grid: RunningGrid, proxy: Path) -> RucioAccess:
    return access(grid, "panda", auth_type="x509_proxy", proxy_file=proxy)


@pytest.fixture
def catalog(grid: RunningGrid) -> Iterator[RucioCatalog]:
    with RucioCatalog(access(grid)) as made:
        yield made


@pytest.fixture
def registration(grid: RunningGrid) -> Iterator[RucioRegistration]:
    with RucioRegistration(by_proxy(grid, grid.proxy)) as made:
        yield made


@pytest.fixture
def dataset(campaign: str) -> str:
    return f"/RECO/{campaign}/epic_craterlake/DIS/NC/18x275/minQ2=10"


def files_in(dataset: str, count: int = 3) -> list[NewFile]:
    return [NewFile(f"{dataset}/f{i}.root", 100 + i, f"{i:08x}") for i in range(count)]


@pytest.fixture
def registered(registration: RucioRegistration, dataset: str) -> list[NewFile]:
    """An open dataset of three files at BNL."""
    files = files_in(dataset)
    registration.ensure_dataset(SCOPE, dataset)
    registration.add_replicas("BNL-XRD", SCOPE, files)
    registration.attach_files(SCOPE, dataset, [file.name for file in files])
    return files


def test_a_registered_dataset_is_read_back_whole(catalog, registration, registered, dataset):
    registration.close_dataset(SCOPE, dataset)
    record = catalog.did(SCOPE, dataset)
    assert (record.did_type, record.length, record.size_bytes) == ("DATASET", 3, 303)
    read = [
        (file.name, file.size_bytes, file.adler32) for file in catalog.files_of(SCOPE, [dataset])
    ]
    assert sorted(read) == [(file.name, file.size_bytes, file.adler32) for file in registered]
    assert [child.name for child in catalog.content(SCOPE, dataset)] == sorted(
        file.name for file in registered
    )


def test_an_open_dataset_has_no_length(catalog, registered, dataset):
    record = catalog.metadata(SCOPE, [dataset]).complete()[dataset]
    assert (record.length, record.size_bytes, record.is_open) == (None, None, True)
    assert len(list(catalog.files_of(SCOPE, [dataset]))) == 3


def test_datasets_are_found_by_pattern(catalog, registered, dataset, campaign):
    assert list(catalog.list_datasets(SCOPE, f"/RECO/{campaign}/*")) == [dataset]
    assert list(catalog.list_datasets(SCOPE, f"/FULL/{campaign}/*")) == []


def test_arrivals_are_the_files_registered_after_a_time(catalog, registered, campaign):
    pattern, now = f"/RECO/{campaign}/*", datetime.now(UTC)
    since = catalog.list_files_created_after(SCOPE, pattern, since=now - timedelta(hours=1))
    assert sorted(since) == [file.name for file in registered]
    after = catalog.list_files_created_after(SCOPE, pattern, since=now + timedelta(hours=1))
    assert list(after) == []


def test_replicas_are_told_with_state_and_place(grid, catalog, registered):
    found = catalog.replicas(SCOPE, registered[0].name)
    (replica,) = found.replicas
    assert (found.size_bytes, found.adler32) == (100, "00000000")
    assert (replica.rse, replica.pfn) == ("BNL-XRD", grid.pfn("BNL-XRD", registered[0].name))
    assert replica.is_available


def test_replicas_of_other_states_are_told_too(grid, catalog, registered):
    with grid.connect() as connection:
        connection.execute(
            "UPDATE replicas SET state = 'U' WHERE scope = %s AND name = %s",
            (SCOPE, registered[0].name),
        )
    (replica,) = catalog.replicas(SCOPE, registered[0].name).replicas
    assert (replica.state, replica.is_available) == ("UNAVAILABLE", False)


def test_a_did_without_replicas_is_told_from_one_that_is_not_there(catalog, registered, dataset):
    with pytest.raises(NoReplicas):
        catalog.replicas(SCOPE, dataset)
    with pytest.raises(DidNotFound):
        catalog.replicas(SCOPE, dataset + "/none.root")


def test_a_log_whose_name_has_no_slash_is_found_though_a_policy_forbids_it(grid, catalog, campaign):
    lfn = f"group.EIC.{campaign}.log.1.000001.log.tgz"
    log = make_log(grid, scope="group.EIC", lfn=lfn, members={"payload.stdout": b"said"})
    assert catalog.replicas(log.scope, lfn).size_bytes == log.size_bytes
    with grid.connect() as connection:
        connection.execute("DELETE FROM replicas WHERE name = %s", (lfn,))
    with pytest.raises(NoReplicas):
        catalog.replicas(log.scope, lfn)
    with pytest.raises(DidNotFound):
        catalog.replicas(log.scope, lfn + ".none")
    with pytest.raises(InvalidName, match="does not match"):
        catalog.did(log.scope, lfn)


def test_what_is_not_there_is_not_found(catalog, dataset):
    for ask in (catalog.did, catalog.rules_of, lambda *did: list(catalog.content(*did))):
        with pytest.raises(DidNotFound, match=dataset):
            ask(SCOPE, dataset)
    with pytest.raises(DidNotFound):
        catalog.did("no.such.scope", dataset)


def test_names_that_rucio_leaves_out_are_told_after_the_rest(catalog, registered, dataset):
    files = catalog.files_of(SCOPE, [dataset + "0", dataset])
    read = [next(files).name for _ in registered]
    assert sorted(read) == [file.name for file in registered]
    with pytest.raises(IncompleteAnswer) as raised:
        next(files)
    assert raised.value.missing == (dataset + "0",)


def test_an_empty_dataset_is_not_missing(catalog, registration, dataset):
    assert registration.ensure_dataset(SCOPE, dataset)
    assert list(catalog.files_of(SCOPE, [dataset])) == []
    answers = catalog.dataset_replicas(SCOPE, [dataset, dataset + "0"])
    assert (answers.found, answers.missing) == ({dataset: ()}, (dataset + "0",))


def test_an_rse_s_share_of_a_dataset_is_told(grid, catalog, registration, registered, dataset):
    registration.close_dataset(SCOPE, dataset)
    rule = {
        "dids": [{"scope": SCOPE, "name": dataset}], "account": "root", "copies": 1,
        "rse_expression": "BNL-XRD", "grouping": "DATASET", "locked": False,
    }  # fmt: skip
    with grid.api("root") as api:
        api.post("accountlimits", "local", "root", "BNL-XRD", body={"bytes": 10**15})
        api.post("rules", "", body=rule)
    with grid.connect() as connection:  # as Rucio's daemon (abacus) counts
        connection.execute(
            "UPDATE collection_replicas SET length = 3, bytes = 303, available_replicas_cnt = 2, "
            "available_bytes = 201 WHERE scope = %s AND name = %s",
            (SCOPE, dataset),
        )
    (share,) = catalog.dataset_replicas(SCOPE, [dataset]).complete()[dataset]
    assert (share.rse, share.length, share.available_length) == ("BNL-XRD", 3, 2)
    assert (share.size_bytes, share.available_bytes) == (303, 201)
    assert (share.raw["scope"], share.raw["name"]) == (SCOPE, dataset)
    (kept,) = catalog.rules_of(SCOPE, dataset)
    assert (kept.rse_expression, kept.state) == ("BNL-XRD", "OK")


def test_registering_again_changes_nothing(registration, registered, dataset):
    names = [file.name for file in registered]
    assert not registration.ensure_dataset(SCOPE, dataset)
    assert registration.add_replicas("BNL-XRD", SCOPE, registered) == 0
    assert registration.attach_files(SCOPE, dataset, names) == 0
    assert registration.close_dataset(SCOPE, dataset)
    assert not registration.close_dataset(SCOPE, dataset)


def test_what_is_missing_is_added_to_what_is_there(catalog, registration, registered, dataset):
    more = files_in(dataset, 5)
    assert registration.add_replicas("BNL-XRD", SCOPE, more) == 2
    assert registration.add_replicas("EIC-XRD", SCOPE, more[:1]) == 1
    assert registration.attach_files(SCOPE, dataset, [file.name for file in more]) == 2
    replicas = catalog.replicas(SCOPE, more[0].name).replicas
    assert [replica.rse for replica in replicas] == ["BNL-XRD", "EIC-XRD"]


@pytest.mark.parametrize("other", [{"size_bytes": 101}, {"adler32": "0000000f"}])
def test_another_size_or_checksum_is_a_conflict(registration, registered, other):
    was = registered[0]
    new = NewFile(**{"name": was.name, "size_bytes": 100, "adler32": was.adler32, **other})
    with pytest.raises(ReplicaConflict, match=was.name):
        registration.add_replicas("EIC-XRD", SCOPE, [new])


def test_a_file_is_no_dataset_and_an_unknown_file_is_not_attached(
    registration, registered, dataset
):
    with pytest.raises(ReplicaConflict, match="FILE"):
        registration.ensure_dataset(SCOPE, registered[0].name)
    with pytest.raises(DidNotFound, match=r"none\.root"):
        registration.attach_files(SCOPE, dataset, [f"{dataset}/none.root"])


def test_a_pfn_that_the_rse_would_not_give_is_refused(registration, dataset):
    stray = NewFile(f"{dataset}/f.root", 1, "00000001", "root://elsewhere:1094//f.root")
    with pytest.raises(RucioRefused, match="InvalidPath"):
        registration.add_replicas("BNL-XRD", SCOPE, [stray])


def test_an_account_without_rights_is_refused_by_name(grid, dataset):
    with (
        RucioRegistration(access(grid)) as reader,
        pytest.raises(RucioUnauthorized, match="eicread"),
    ):
        reader.ensure_dataset(SCOPE, dataset)


def test_a_foreign_proxy_an_expired_one_and_none_are_told_apart(grid, dataset, tmp_path):
    cases = [
        (grid.strangers_proxy, RucioUnauthorized),
        (grid.expired_proxy, ProxyExpired),
        (tmp_path / "none.pem", ProxyMissing),
    ]
    for proxy, error in cases:
        with RucioCatalog(by_proxy(grid, proxy)) as catalog, pytest.raises(error):
            catalog.did(SCOPE, dataset)


def test_a_wrong_password_is_refused_and_not_shown(grid, dataset, tmp_path):
    wrong = tmp_path / "password"
    wrong.write_text("wrong-secret\n")
    wrong.chmod(0o600)
    refused = pytest.raises(RucioUnauthorized)
    with RucioCatalog(access(grid, password_file=wrong)) as catalog, refused as raised:
        catalog.did(SCOPE, dataset)
    assert "wrong-secret" not in str(raised.value)


def test_a_server_whose_certificate_is_not_trusted_gets_no_password(grid, dataset):
    refused = pytest.raises(RucioUnavailable, match="an authority that is not among those set here")
    with RucioCatalog(access(grid, ca_file=None)) as catalog, refused:
        catalog.did(SCOPE, dataset)


def test_a_token_that_ends_in_the_middle_is_renewed(catalog, registered, dataset):
    assert catalog.did(SCOPE, dataset)
    catalog._sessions._tokens._token = "no-token-of-this-server"
    assert len(list(catalog.files_of(SCOPE, [dataset]))) == 3


def test_a_token_of_a_file_is_used_and_never_renewed(grid, registered, dataset, tmp_path):
    token = tmp_path / "token"
    with RucioCatalog(access(grid)) as catalog:
        catalog.did(SCOPE, dataset)
        token.write_text(catalog._sessions._tokens._token)
    token.chmod(0o600)
    with RucioCatalog(access(grid, auth_type="token", token_file=token)) as holder:
        assert holder.did(SCOPE, dataset)
    token.write_text("no-token-of-this-server")
    refused = pytest.raises(RucioUnauthorized, match="refused")
    with RucioCatalog(access(grid, auth_type="token", token_file=token)) as holder, refused:
        holder.did(SCOPE, dataset)


def test_no_token_is_left_on_disk(grid, registered, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with RucioCatalog(by_proxy(grid, grid.proxy)) as fresh:
        assert fresh.did(SCOPE, dataset)
    assert list(tmp_path.iterdir()) == []


def test_a_rucio_that_goes_down_is_unavailable_and_not_empty(
    grid, registered, dataset, cutting_proxy
):
    with RucioCatalog(access(grid, url=cutting_proxy.url)) as catalog:
        assert catalog.did(SCOPE, dataset)
        cutting_proxy.go_down()
        with pytest.raises(RucioUnavailable):
            list(catalog.list_datasets(SCOPE, "/RECO/*"))
        with pytest.raises(RucioUnavailable):
            list(catalog.files_of(SCOPE, [dataset]))


def test_a_rucio_that_stalls_is_waited_for_no_longer_than_the_limit(grid, registered, dataset):
    with RucioCatalog(access(grid, timeout_seconds=1.5)) as catalog:
        assert catalog.did(SCOPE, dataset)
        begun = datetime.now(UTC)
        with grid.stalled("rucio"), pytest.raises(RucioUnavailable):
            catalog.did(SCOPE, dataset)
    assert datetime.now(UTC) - begun < timedelta(seconds=5)
