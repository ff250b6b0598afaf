"""The PanDA of the sandbox keeps the real server's protocol, and its issuer OIDC's."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from deployments.sandbox.panda import PandaSandbox
from tests.panda_calls import NEVER_REFINED, ask, headers, send, submit

pytestmark = pytest.mark.integration


@pytest.fixture
def panda(tmp_path: Path) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda", refine_seconds=NEVER_REFINED) as started:
        yield started


def test_answers_are_json_that_says_it_is_text(panda: PandaSandbox) -> None:
    answer = httpx.get(f"{panda.url}/api/v1/system/is_alive")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.json() == {"success": True, "message": "alive=yes", "data": None}


def test_the_wrong_method_is_refused_with_200(panda: PandaSandbox) -> None:
    answer = ask(panda, "task/submit")
    assert answer == {"success": False, "message": "expecting POST, received GET", "data": None}


@pytest.mark.parametrize("path", ["server/panda/insertTaskParams", "api/v1/task/insertTaskParams"])
def test_a_method_that_there_is_not_is_forbidden(panda: PandaSandbox, path: str) -> None:
    answer = httpx.post(f"{panda.url}/{path}", headers=headers(panda))
    assert (answer.status_code, answer.text) == (403, "method insertTaskParams is forbidden")
    assert answer.headers["content-type"] == "text/plain"


def test_a_value_of_the_wrong_type_is_refused_with_200(panda: PandaSandbox) -> None:
    answer = send(panda, "task/submit", {"task_parameters": "text"})
    assert answer["message"] == "Type error: 'task_parameters' must be of type dict, got str."
    answer = ask(panda, "task/get_status", task_id="x")
    assert answer["message"] == "Type error: 'task_id' could not be casted to type int."


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"nonsense": 1}', b"{}"])
def test_a_body_that_does_not_fit_at_all_is_500(panda: PandaSandbox, body: bytes) -> None:
    sent = headers(panda) | {"Content-Type": "application/json"}
    answer = httpx.post(f"{panda.url}/api/v1/task/submit", content=body, headers=sent)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "text/plain"


def test_without_a_token_the_answer_is_200_and_a_refusal(panda: PandaSandbox) -> None:
    answer = httpx.get(f"{panda.url}/api/v1/task/get_status", params={"task_id": 1})
    assert answer.status_code == 200
    assert answer.json()["message"] == "SSL secure connection is required"


@pytest.mark.parametrize(
    ("token", "origin", "reason"),
    [
        ({"seconds": -1}, "EIC.production", "Invalid token. Signature has expired"),
        ({"groups": ["EIC"]}, "EIC.production", "Not a member of the EIC/production group"),
        ({}, "EIC.nosuch", "Not a member of the EIC/nosuch group"),
        ({}, "ATLAS", "Unknown vo : ATLAS"),
    ],
)
def test_a_bad_token_is_403_in_plain_text(
    panda: PandaSandbox, token: dict[str, Any], origin: str, reason: str
) -> None:
    sent = headers(panda, origin=origin, **token)
    answer = httpx.get(f"{panda.url}/api/v1/task/get_status?task_id=1", headers=sent)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/plain")
    assert answer.text == f"Token authentication failed. {reason}"


def test_a_token_of_another_issuer_is_403(panda: PandaSandbox) -> None:
    foreign = jwt.encode({"sub": "x", "exp": time.time() + 60, "aud": "prodops-sandbox"}, "k" * 64)
    sent = {"Authorization": f"Bearer {foreign}", "Origin": "EIC.production"}
    answer = httpx.get(f"{panda.url}/api/v1/task/get_status?task_id=1", headers=sent)
    assert answer.status_code == 403
    assert "Signature verification failed" in answer.text


def test_tokens_expire_on_demand(panda: PandaSandbox) -> None:
    before = headers(panda)
    panda.change_tokens(expire=True)
    asked = f"{panda.url}/api/v1/task/get_job_ids?task_id=1"
    assert "Signature has expired" in httpx.get(asked, headers=before).text
    assert httpx.get(asked, headers=headers(panda)).status_code == 200


def test_production_commands_need_the_role(panda: PandaSandbox) -> None:
    answer = send(panda, "task/pause", {"task_id": 1}, origin="EIC")
    assert answer["message"] == "production or pilot role required"


def endpoints(panda: PandaSandbox) -> tuple[dict[str, Any], dict[str, Any]]:
    config = httpx.get(f"{panda.url}/auth/EIC.production_auth_config.json").json()
    return config, httpx.get(config["oidc_config_url"]).json()


def test_a_refresh_token_gives_a_new_token_for_the_same_person(panda: PandaSandbox) -> None:
    config, oidc = endpoints(panda)
    cached = json.loads((panda.config_root / ".token").read_text())
    form = {
        "grant_type": "refresh_token", "client_id": config["client_id"],
        "client_secret": config["client_secret"], "refresh_token": cached["refresh_token"],
    }  # fmt: skip
    answer = httpx.post(oidc["token_endpoint"], data=form)
    claims = jwt.decode(answer.json()["id_token"], options={"verify_signature": False})
    assert (claims["name"], claims["preferred_username"]) == ("Prod Ops", "prodops")
    assert claims["groups"] == ["EIC/production", "EIC"]
    panda.change_tokens(refuse_refresh=True)
    assert httpx.post(oidc["token_endpoint"], data=form).json()["error"] == "invalid_grant"


def test_the_robot_gets_a_token_for_its_secret_only(panda: PandaSandbox) -> None:
    _, oidc = endpoints(panda)
    secret = (panda.directory / "robot.secret").read_text()
    form = {"grant_type": "client_credentials", "client_id": "prodops-robot"}
    good = httpx.post(oidc["token_endpoint"], data=form | {"client_secret": secret})
    bad = httpx.post(oidc["token_endpoint"], data=form | {"client_secret": "guess"})
    assert (bad.status_code, bad.json()["error"]) == (401, "invalid_client")
    sent = {"Authorization": f"Bearer {good.json()['id_token']}", "Origin": "EIC.production"}
    answer = httpx.get(f"{panda.url}/api/v1/task/get_job_ids?task_id=1", headers=sent)
    assert answer.json()["success"] is True
    assert "refresh_token" not in good.json()


def test_a_device_gets_its_token_after_somebody_let_it_in(panda: PandaSandbox) -> None:
    config, oidc = endpoints(panda)
    client = {"client_id": config["client_id"], "client_secret": config["client_secret"]}
    device = httpx.post(oidc["device_authorization_endpoint"], data=client).json()
    form = client | {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": device["device_code"],
    }
    waiting = httpx.post(oidc["token_endpoint"], data=form)
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")
    assert httpx.get(device["verification_uri_complete"]).status_code == 200
    assert "id_token" in httpx.post(oidc["token_endpoint"], data=form).json()


def test_secrets_are_for_their_owner_only_and_never_in_the_journal(panda: PandaSandbox) -> None:
    _, oidc = endpoints(panda)
    cached = json.loads((panda.config_root / ".token").read_text())
    httpx.post(oidc["token_endpoint"], data={"refresh_token": cached["refresh_token"]})
    submit(panda)
    journal = (panda.directory / "journal.jsonl").read_text()
    secret_files = [panda.config_root / ".token", *panda.directory.glob("*.secret")]
    for path in [*secret_files, panda.directory / "issuer.key"]:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text() not in journal
    assert not any(str(value) in journal for value in cached.values() if value != "Bearer")


def upload(panda: PandaSandbox, name: str, content: bytes) -> Any:
    files = {"file": (name, content, "application/octet-stream")}
    path = f"{panda.url}/api/v1/file_server/upload_cache_file"
    return httpx.post(path, files=files, headers=headers(panda)).json()


def test_an_uploaded_sandbox_is_kept_and_found_again(panda: PandaSandbox) -> None:
    content = gzip.compress(os.urandom(5000) + b"\r\n--\r\n")
    checksum = int.from_bytes(content[-8:-4], "little")
    check = {"file_size": len(content), "checksum": checksum}
    asked = "file_server/validate_cache_file"
    assert send(panda, asked, check)["message"] == "NOTFOUND"
    assert upload(panda, "jobO.1.tar.gz", content)["success"] is True
    assert send(panda, asked, check)["message"] == "FOUND:127.0.0.1:jobO.1.tar.gz"
    assert httpx.get(f"{panda.url}/cache/jobO.1.tar.gz").content == content
    assert upload(panda, "jobO.1.tar.gz", content)["message"] == "ERROR: cannot overwrite file"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("jobO.1.tar.gz", gzip.compress(b"x", mtime=0)[:-3], "ERROR: cannot write file"),
        ("jobO.1.tar.gz", b"no archive", "ERROR: cannot write file"),
        ("../.list.json", gzip.compress(b"x", mtime=0), "ERROR: cannot write file"),
        ("jobO.1.tar.gz", bytes(10 * 1024 * 1024 + 1), "Exceeded size limit"),
    ],
)
def test_a_sandbox_that_is_no_good_is_refused(
    panda: PandaSandbox, name: str, content: bytes, says: str
) -> None:
    answer = upload(panda, name, content)
    assert answer["success"] is False
    assert says in answer["message"]
