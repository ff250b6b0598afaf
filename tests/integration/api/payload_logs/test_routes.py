"""Payload logs over REST: asked for, described, and read whole or in part, whatever happens."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
from pathlib import Path

import pytest

from api.payload_logs import files
from flows.common.settings import settings
from flows.payload_logs import cache
from flows.payload_logs.models import LogState
from tests.support.payload_logs.ready import JOB, NO_LOG, TASK, Logs

pytestmark = pytest.mark.integration

MEMBERS = {"payload.stdout": b"line 1\nline 2\n", "pilotlog.txt": b"pilot\n", "payload.stderr": b""}
STDOUT = f"/api/payload-logs/{JOB}/members/payload.stdout"


@pytest.fixture
def logs(database, tmp_path, monkeypatch) -> Logs:
    monkeypatch.setenv("SWF_TMP_DIR", str(tmp_path))
    settings.cache_clear()
    return Logs(database, tmp_path)


@pytest.fixture
def api(logs, served_api):
    with served_api.client() as client:
        yield client


# ------------------------------------------------------------------ asking


def test_asking_makes_a_request_and_asking_again_joins_it(api, logs):
    first = api.post("/api/payload-logs/", json={"pandaid": JOB})
    second = api.post("/api/payload-logs/", json={"pandaid": str(JOB), "jeditaskid": ""})
    assert (first.status_code, second.status_code) == (202, 202)
    assert (first.json()["is_new"], second.json()["is_new"]) == (True, False)
    request = logs.open_request()
    assert (request.action, request.subject) == ("fetch_payload_log", str(JOB))
    assert first.json()["url"] == f"/api/requests/{request.id}/"
    assert first.json()["log_url"] == f"/api/payload-logs/{JOB}/"


BAD = [
    ({"pandaid": "x"}, "pandaid"), ({"pandaid": 0}, "pandaid"), ({}, "pandaid"),
    ({"pandaid": 1, "scope": "a b"}, "scope"), ({"pandaid": 1, "lfn": "a\nb"}, "lfn"),
    ({"pandaid": 1, "jeditaskid": -1}, "jeditaskid"), ({"pandaid": 1, "colour": 1}, "colour"),
]  # fmt: skip


def test_a_bad_field_is_named_and_nothing_is_asked_for(api, logs, subtests):
    for form, field in BAD:
        with subtests.test(str(form)):
            answer = api.post("/api/payload-logs/", json=form)
            assert (answer.status_code, field in answer.json()) == (400, True)
    assert logs.requests() == []


def test_who_is_not_known_asks_for_nothing(served_api, logs):
    with served_api.client(token=None) as stranger:
        assert stranger.post("/api/payload-logs/", json={"pandaid": JOB}).status_code == 401
    assert logs.requests() == []


# ------------------------------------------------------------------ describing


def test_a_log_is_described_with_its_members_in_the_order_shown(api, logs):
    logs.put(MEMBERS)
    told = api.get(f"/api/payload-logs/{JOB}/").json()
    assert (told["state"], told["is_cached"], told["jeditaskid"]) == ("ready", True, TASK)
    assert [each["name"] for each in told["members"]] == [
        "payload.stdout", "payload.stderr", "pilotlog.txt",
    ]  # fmt: skip
    assert told["members"][0] == {
        "name": "payload.stdout", "path": f"tarball_PandaJob_{JOB}/payload.stdout",
        "size_bytes": 14, "url": STDOUT,
    }  # fmt: skip
    assert api.get(told["members"][0]["url"]).content == MEMBERS["payload.stdout"]


def test_a_log_that_nobody_asked_for_is_404_naming_the_job(api):
    answer = api.get("/api/payload-logs/77/")
    assert (answer.status_code, "job 77" in answer.json()["detail"]) == (404, True)


def test_a_failed_log_tells_its_attempts_and_what_an_earlier_fetch_left(api, logs):
    logs.put(MEMBERS)
    logs.row(state=LogState.FAILED, attempts=2, last_error="the door is closed")
    told = api.get(f"/api/payload-logs/{JOB}/").json()
    assert (told["state"], told["attempts"], told["max_attempts"]) == ("failed", 2, 3)
    assert (told["last_error"], told["is_cached"]) == ("the door is closed", True)


# ------------------------------------------------------------------ reading


RANGES = {
    "bytes=0-3": (b"line", "bytes 0-3/14"),
    "bytes=7-": (b"line 2\n", "bytes 7-13/14"),
    "bytes=-2": (b"2\n", "bytes 12-13/14"),
    "bytes=0-999": (MEMBERS["payload.stdout"], "bytes 0-13/14"),
    "bytes=0-1,4-5": (MEMBERS["payload.stdout"], None),
    "lines=0-1": (MEMBERS["payload.stdout"], None),
}


def test_a_range_of_a_member_is_answered(api, logs, subtests):
    logs.put(MEMBERS)
    for header, (body, content_range) in RANGES.items():
        with subtests.test(header):
            answer = api.get(STDOUT, headers={"Range": header})
            assert (answer.status_code, answer.content) == (206 if content_range else 200, body)
            assert answer.headers.get("content-range") == content_range


def test_a_range_beyond_the_end_is_416(api, logs):
    logs.put(MEMBERS)
    for header in ("bytes=14-", "bytes=9-3", "bytes=-0"):
        answer = api.get(STDOUT, headers={"Range": header})
        assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */14")


def test_a_part_may_be_named_in_the_query_where_a_proxy_drops_range(api, logs):
    logs.put(MEMBERS)
    answer = api.get(STDOUT, params={"offset": 5, "length": 1})
    assert (answer.status_code, answer.content) == (200, b"1")
    assert api.get(STDOUT, params={"offset": 99}).content == b""


def test_a_download_is_an_attachment_with_the_jobs_number(api, logs):
    logs.put(MEMBERS)
    disposition = api.get(STDOUT, params={"download": "1"}).headers["content-disposition"]
    assert disposition.startswith(f'attachment; filename="{JOB}.payload.stdout"')


def test_the_archive_holds_every_member_as_it_is(api, logs):
    logs.put(MEMBERS | {"payload.stdout": os.urandom(3_000_001)})
    answer = api.get(f"/api/payload-logs/{JOB}/archive")
    assert answer.headers["content-type"] == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(answer.content))) as archive:
        found = {each.name: archive.extractfile(each).read() for each in archive}
    place = logs.directory()
    assert found == {f"payload-log-{JOB}/{name}": (place / name).read_bytes() for name in MEMBERS}


def test_head_is_answered_as_get_without_its_body(api, logs):
    """Members whole and in part, the archive, pages with a key; and what is not there."""
    logs.put(MEMBERS)
    asked = (
        (STDOUT, {}), (STDOUT, {"Range": "bytes=0-3"}), (STDOUT, {"Range": "bytes=99-"}),
        (f"{STDOUT}?download=1", {}), (f"/api/payload-logs/{JOB}/archive", {}),
        (f"/api/payload-logs/{JOB}/members/nosuch", {}), (f"/api/payload-logs/{JOB}/", {}),
        ("/api/payload-logs/77/", {}), (f"/panda/jobs/{JOB}/log/", {}),
        (f"/panda/jobs/{JOB}/payload-log/", {}),
    )  # fmt: skip
    told = ("content-type", "content-range", "content-disposition", "content-length")
    for path, headers in asked:
        head, whole = api.head(path, headers=headers), api.get(path, headers=headers)
        assert (head.status_code, head.content) == (whole.status_code, b""), path
        for name in told:
            assert head.headers.get(name) == whole.headers.get(name), (path, name)
    assert logs.requests() == []


NO_MEMBERS = (".done", "..%2f.done", "%2fetc%2fpasswd", "%2e%2e", "nosuch", "secret.txt", "link")


def test_no_name_leads_to_what_is_no_member(api, logs):
    logs.put(MEMBERS)
    (logs.directory() / "secret.txt").write_text("not announced")
    (logs.directory() / "link").symlink_to("/etc/passwd")
    (logs.directory() / ".done").write_text("payload.stdout,link,../../x,.done\n")
    path = f"/api/payload-logs/{JOB}/members/"
    assert {name: api.get(path + name).status_code for name in NO_MEMBERS} == dict.fromkeys(
        NO_MEMBERS, 404
    )
    assert api.get(path + "a%00b").status_code == 404


def test_a_member_of_an_older_fetch_is_409(api, logs):
    logs.put(MEMBERS)
    version = api.get(f"/api/payload-logs/{JOB}/").json()["version"]
    assert api.get(STDOUT, params={"version": version}).status_code == 200
    logs.put(MEMBERS)
    assert api.get(STDOUT, params={"version": version}).status_code == 409


def test_a_log_that_left_the_cache_is_404(api, logs):
    logs.row(state=LogState.PRUNED, jeditaskid=TASK)
    assert api.get(STDOUT).status_code == 404
    assert api.get(f"/api/payload-logs/{JOB}/archive/").status_code == 404
    assert api.get(f"/api/payload-logs/{JOB}/").json()["members"] == []


# ------------------------------------------------------------------ the cache


def cut(path: Path) -> None:
    path.write_bytes(b"line 1\n")


@pytest.mark.parametrize("lose", [Path.unlink, cut])
def test_a_log_that_lost_a_part_is_not_cached_and_none_of_it_is_given_as_all(api, logs, lose):
    logs.put(MEMBERS)
    assert api.get(f"/api/payload-logs/{JOB}/").json()["is_cached"] is True
    lose(logs.directory() / "payload.stdout")
    known = api.get(f"/api/payload-logs/{JOB}/").json()
    assert (known["is_cached"], known["members"]) == (False, [])
    for rest in ("members/payload.stdout", "members/pilotlog.txt", "archive/"):
        assert api.get(f"/api/payload-logs/{JOB}/{rest}").status_code == 404


def test_a_fifo_or_a_device_in_the_cache_is_no_member_and_blocks_nobody(logs):
    logs.put(MEMBERS)
    os.mkfifo(logs.directory() / "payload.log")
    (logs.directory() / ".done").write_text("payload.log,payload.stdout\n")
    assert files.open_log(logs.directory()) is None


def test_without_done_there_is_no_log(logs):
    logs.put(MEMBERS)
    (logs.directory() / ".done").unlink()
    assert files.open_log(logs.directory()) is None
    assert cache.is_whole(logs.directory()) is False


def test_a_reader_has_the_old_or_the_new_fetch_whole_while_they_change_places(logs):
    def fetch(number: int) -> dict[str, bytes]:
        return {f"payload.std{end}": b"%d " % number * 9000 for end in ("err", "in", "out")}

    logs.put(fetch(0))
    done = threading.Event()
    seen: set[bytes] = set()
    torn: list[object] = []

    def read() -> None:
        while not done.is_set():
            log = files.open_log(logs.directory())
            if log is None:  # between the two renames that this test publishes with
                continue
            with log:
                bodies = {b"".join(each.chunks()) for each in log.members}
                if len(log.members) != 3 or len(bodies) != 1:
                    torn.append([each.name for each in log.members])
                seen.update(bodies)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 60):
        logs.put(fetch(number))
    done.set()
    reader.join()
    assert torn == []
    assert len(seen) > 1


def test_undecodable_bytes_become_replacement_characters_wherever_they_are_cut():
    text = "a é 日 ".encode() + b"\xff\xc3" + b" b"
    for cut in range(len(text)):
        assert b"".join(files.as_utf8([text[:cut], text[cut:]])).decode() == text.decode(
            errors="replace"
        )


def test_the_description_of_the_api_has_the_routes_with_examples_and_errors(api):
    paths = api.get("/openapi.json").json()["paths"]
    ask = paths["/api/payload-logs/"]["post"]
    assert ask["requestBody"]["content"]["application/json"]["examples"]["by id"]["value"]
    assert {"202", "400", "401"} <= set(ask["responses"])
    assert {"206", "404", "409", "416"} <= set(
        paths["/api/payload-logs/{pandaid}/members/{name}"]["get"]["responses"]
    )


def test_a_log_without_a_log_tells_the_state(api, logs):
    logs.row(state=LogState.NO_LOG, jeditaskid=TASK, last_error=NO_LOG)
    assert api.get(f"/api/payload-logs/{JOB}/").json()["state"] == "no_log"
