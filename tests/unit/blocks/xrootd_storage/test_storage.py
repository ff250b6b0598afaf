"""What the codes of XRootD mean, which URLs are read, and how long a door may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.errors import OutsideUnavailable
from blocks.xrootd_storage import (
    AuthenticationFailed,
    DestinationFailed,
    DoorClosed,
    DoorStalled,
    ReplicaMissing,
    ReplicaRefused,
    TransferBroken,
    UnknownHost,
    UnsupportedScheme,
    XrootdAccess,
    XrootdLimits,
)
from blocks.xrootd_storage.errors import DoorUnavailable
from blocks.xrootd_storage.failures import error_of

PFN = "root://door.example:1094//eic/a"
TOLD = [
    ("open", 400, 3011, ReplicaMissing),
    ("open", 400, 3016, ReplicaMissing),
    ("open", 400, 3010, ReplicaRefused),
    ("open", 400, 3012, DoorUnavailable),
    ("open", 101, 0, UnknownHost),
    ("open", 103, 0, DoorStalled),
    ("open", 108, 0, DoorClosed),
    ("open", 204, 0, AuthenticationFailed),
    ("read", 206, 0, DoorStalled),
    ("read", 108, 0, TransferBroken),
    ("read", 400, 3012, TransferBroken),
    ("read", 0, 0, TransferBroken),
    ("write", 0, 0, DestinationFailed),
]


@pytest.mark.parametrize(("phase", "code", "number", "kind"), TOLD)
def test_a_code_of_xrootd_is_told_as_a_fact(phase, code, number, kind):
    told = {"phase": phase, "code": code, "number": number, "message": "[ERROR] why"}
    error = error_of(PFN, told)
    assert type(error) is kind
    assert (error.pfn, error.reason) == (PFN, "why")


def test_what_a_later_try_may_mend_is_an_outage_and_a_missing_file_is_none():
    assert issubclass(DoorStalled, OutsideUnavailable)
    assert issubclass(TransferBroken, OutsideUnavailable)
    assert not issubclass(ReplicaMissing, OutsideUnavailable)


def test_the_server_s_words_are_told_without_those_around_them():
    message = "[ERROR] Server responded with an error: [3011] Unable to open /a; no such file"
    told = {"phase": "open", "code": 400, "number": 3011, "message": message}
    assert error_of(PFN, told).reason == "Unable to open /a; no such file"


@pytest.mark.parametrize(
    "url", ["https://a/b", "file:///a", "root:///a", "/a", "", "root://h/\n", "davs://h/a"]
)
def test_other_urls_are_not_read(url):
    with pytest.raises(UnsupportedScheme):
        XrootdAccess().scheme_of(url)


def test_plain_files_are_read_where_that_is_wished():
    assert XrootdAccess(schemes=("root", "file")).scheme_of("file:///a") == "file"


def test_no_proxy_is_looked_for_where_none_is_given():
    shown = XrootdAccess(ca_dir=Path("/ca")).environment()
    assert shown == {"X509_USER_PROXY": "/dev/null", "X509_CERT_DIR": "/ca"}


def test_the_client_s_own_limits_are_all_set():
    shown = XrootdLimits(request_timeout_seconds=7).environment()
    assert shown["XRD_REQUESTTIMEOUT"] == "7"
    assert shown["XRD_CONNECTIONWINDOW"] == "5"
    assert shown["XRD_TIMEOUTRESOLUTION"] == "1"
