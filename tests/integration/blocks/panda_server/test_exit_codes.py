"""What the unmodified prun 2.2.0 says and returns, for everything that can become of a submission.

Classification stands on these lines, and has its own tests with them as they were recorded. Each
test here is a row of what was measured on a real server: prun runs once for each kind of exit; the
further cases that must end in the same way are of the slower tier.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.sandbox.panda import PandaSandbox
from tests.cases import same
from tests.prun_runs import PrunRun, arguments_of, run_prun

pytestmark = pytest.mark.integration

NAME = "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"
SUBMIT = "task/submit"
UPLOAD = "file_server/upload_cache_file"
VALIDATE = "file_server/validate_cache_file"
NEVER_REFINED = 3600.0


@pytest.fixture
def panda(tmp_path: Path) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda", refine_seconds=NEVER_REFINED) as started:
        yield started


def submitted(panda: PandaSandbox, status: str | None = None) -> int:
    """A task of the name that is there already, in a state."""
    assert run_prun(panda, NAME).returncode == 0
    task_id = panda.tasks_named(NAME)[0]["id"]
    if status is not None:
        panda.set_status(task_id, status)
    return int(task_id)


def test_created(panda: PandaSandbox) -> None:
    ran = run_prun(panda, NAME)
    assert (ran.returncode, ran.last) == (0, "INFO : succeeded. new jediTaskID=1")
    assert ran.is_submit_said
    assert [task["name"] for task in panda.tasks()] == [f"{NAME}/"]


def test_the_same_name_waiting_is_refused_with_its_id(panda: PandaSandbox) -> None:
    task_id = submitted(panda)
    ran = run_prun(panda, NAME)
    assert ran.returncode == 90
    assert ran.last == (
        f"ERROR : task submission failed. jediTaskID={task_id} is already queued "
        f"for outDS={NAME}/. You cannot submit duplicated tasks."
    )


@pytest.mark.parametrize("status", same("running", "registered", "defined", "paused", "broken"))
def test_the_same_name_active_is_refused_with_its_id(panda: PandaSandbox, status: str) -> None:
    task_id = submitted(panda, status)
    ran = run_prun(panda, NAME)
    assert ran.returncode == 90
    assert ran.last.startswith(
        f"ERROR : task submission failed. jediTaskID={task_id} is in the {status} state "
        f"for outDS={NAME}/."
    )


@pytest.mark.parametrize("status", same("done", "finished", "failed", "aborted", "exhausted"))
def test_the_same_name_ended_runs_the_old_task_again(panda: PandaSandbox, status: str) -> None:
    task_id = submitted(panda, status)
    ran = run_prun(panda, NAME)
    assert ran.returncode == 0
    assert ran.last.startswith(
        f"INFO : reactivation accepted. jediTaskID={task_id} (currently in {status} state) "
        "will be re-executed"
    )
    panda.refine()
    (task,) = panda.tasks()
    assert (task["id"], task["status"], task["reactivations"]) == (task_id, "running", 1)


def test_a_banned_user_looks_like_success_without_an_id(panda: PandaSandbox) -> None:
    panda.fault(SUBMIT, "banned")
    ran = run_prun(panda, NAME)
    assert ran.returncode == 0
    assert ran.last.startswith("INFO : The following DN is banned: DN=Prod Ops")
    assert panda.tasks() == []


@pytest.mark.parametrize(
    "kind", same("drop", "401", "403", "404", "500", "502", "refuse", "truncate")
)
def test_no_good_answer_to_the_submission_is_always_the_same_line(
    panda: PandaSandbox, kind: str
) -> None:
    panda.fault(SUBMIT, kind, seconds=0.1)
    ran = run_prun(panda, NAME)
    assert (ran.returncode, ran.last) == (90, "ERROR : task submission failed with 255")
    assert ran.is_submit_said
    assert panda.tasks() == []


@pytest.mark.parametrize("kind", same("truncate", "500", "502", "drop"))
def test_the_same_line_when_the_task_is_there(panda: PandaSandbox, kind: str) -> None:
    panda.fault(SUBMIT, kind, "after")
    ran = run_prun(panda, NAME)
    assert (ran.returncode, ran.last) == (90, "ERROR : task submission failed with 255")
    assert len(panda.tasks_named(NAME)) == 1


@pytest.mark.parametrize("when", same("after", "before"))
def test_a_page_for_an_answer_is_a_traceback(panda: PandaSandbox, when: str) -> None:
    panda.fault(SUBMIT, "html", when)
    ran = run_prun(panda, NAME)
    assert ran.returncode == 1
    assert "JSONDecodeError" in ran.last
    assert len(panda.tasks()) == (when == "after")


@pytest.mark.parametrize("when", same("after", "before"))
def test_a_server_that_hangs_hangs_prun(panda: PandaSandbox, when: str) -> None:
    panda.fault(SUBMIT, "hang", when)
    ran = run_prun(panda, NAME, has_begun=lambda: panda.journal(SUBMIT), timeout_seconds=1)
    assert (ran.returncode, ran.last) == (None, f"INFO : submit {NAME}/")
    assert len(panda.tasks()) == (when == "after")


def test_success_without_an_id(panda: PandaSandbox) -> None:
    panda.fault(SUBMIT, "noid", "after")
    ran = run_prun(panda, NAME)
    assert (ran.returncode, ran.last) == (0, "INFO : succeeded.")


def test_a_rejection_is_said_in_the_server_s_words(panda: PandaSandbox) -> None:
    panda.fault(SUBMIT, "reject", message="too many active tasks", code=10)
    ran = run_prun(panda, NAME)
    assert ran.returncode == 90
    assert ran.last == "ERROR : task submission failed. too many active tasks"


def not_sent(panda: PandaSandbox, ran: PrunRun, code: int | str) -> None:
    assert (ran.returncode, ran.last) == (50, f"ERROR : failed to upload sandbox with {code}")
    assert not ran.is_submit_said
    assert panda.journal(SUBMIT) == []


def test_no_server_means_nothing_was_sent(panda: PandaSandbox) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ran = run_prun(panda, NAME, url=f"http://127.0.0.1:{closed.getsockname()[1]}")
    not_sent(panda, ran, 255)


@pytest.mark.slow
def test_no_such_host_means_nothing_was_sent(panda: PandaSandbox) -> None:
    not_sent(panda, run_prun(panda, NAME, url="http://panda.invalid:25443"), 255)


@pytest.mark.parametrize("kind", same("502", "401", "403", "500", "drop", "truncate"))
def test_a_check_of_the_sandbox_that_fails(panda: PandaSandbox, kind: str) -> None:
    panda.fault(VALIDATE, kind)
    not_sent(panda, run_prun(panda, NAME), 255)


@pytest.mark.parametrize(
    ("kind", "code"),
    same(("drop", 1), ("401", 401), ("403", 403), ("500", 500), ("502", 502), ("reject", 0)),
)
def test_an_upload_that_fails(panda: PandaSandbox, kind: str, code: int) -> None:
    panda.fault(UPLOAD, kind)
    not_sent(panda, run_prun(panda, NAME), code)


def test_an_upload_that_is_answered_with_a_page_is_a_traceback(panda: PandaSandbox) -> None:
    panda.fault(UPLOAD, "html")
    ran = run_prun(panda, NAME)
    assert ran.returncode == 1
    assert ran.last.startswith("AttributeError")
    assert not ran.is_submit_said


@pytest.mark.parametrize(
    ("claims", "vo", "reason"),
    same(
        ({"seconds": -10}, "EIC.production", "Signature has expired"),
        ({}, "EIC.nosuch", "Token authentication failed. Not a member of the EIC/nosuch group"),
        (None, "EIC.production", "Signature verification failed"),
    ),
)
def test_a_token_that_opens_nothing(
    panda: PandaSandbox, tmp_path: Path, claims: dict[str, float] | None, vo: str, reason: str
) -> None:
    other = PandaSandbox(tmp_path / "other")
    token = other.token() if claims is None else panda.token(**claims)
    other.close()
    ran = run_prun(panda, NAME, PANDA_AUTH_ID_TOKEN=token, PANDA_AUTH_VO=vo)
    not_sent(panda, ran, 255)
    assert reason in ran.output


@pytest.mark.parametrize(
    "name", same("group.EIC.a|b", "user.other.task", "group.Other.task", "group.EIC.a" * 20)
)
def test_a_bad_name_is_found_before_anything_is_submitted(panda: PandaSandbox, name: str) -> None:
    ran = run_prun(panda, name)
    assert (ran.returncode, ran.is_submit_said) == (10, False)
    assert panda.tasks() == []


@pytest.mark.parametrize("missing", same("--outDS", "--exec"))
def test_a_missing_option(panda: PandaSandbox, missing: str) -> None:
    arguments = arguments_of(NAME)
    place = arguments.index(missing)
    ran = run_prun(panda, arguments=arguments[:place] + arguments[place + 2 :])
    assert (ran.returncode, ran.is_submit_said) == (10, False)
    assert panda.journal(SUBMIT) == []


def test_an_archive_that_cannot_be_made(panda: PandaSandbox, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "gzip"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nrm -f -- *.tar\nexit 1\n")
    broken.chmod(0o755)
    ran = run_prun(panda, NAME, PATH=f"{broken.parent}:/usr/bin:/bin")
    assert ran.returncode == 60
    assert "Failed to archive working area" in ran.output


def test_an_option_that_it_does_not_know(panda: PandaSandbox) -> None:
    ran = run_prun(panda, arguments=[*arguments_of(NAME), "--resourceType", "SCORE"])
    assert ran.returncode == 2
    assert "unrecognized arguments: --resourceType SCORE" in ran.last


def test_an_unknown_key_in_a_file_of_options_ends_well(panda: PandaSandbox, tmp_path: Path) -> None:
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"resourceType": "SCORE"}))
    ran = run_prun(panda, arguments=[*arguments_of(NAME), "--loadJson", str(options)])
    assert ran.returncode == 0
    assert ran.last == f"ERROR: unknown parameter resourceType in {options}"
    assert panda.journal() == []


def test_no_vo(panda: PandaSandbox) -> None:
    ran = run_prun(panda, NAME, without=["PANDA_AUTH_VO"])
    assert ran.returncode == 255
    assert ran.last.startswith("ERROR : PANDA_AUTH=oidc requires PANDA_AUTH_VO")


def test_a_token_about_to_expire_is_renewed_by_prun_itself(panda: PandaSandbox) -> None:
    panda.issuer.write_token(panda.config_root, seconds=60)
    assert run_prun(panda, NAME).returncode == 0
    assert [entry["status"] for entry in panda.journal("token")] == [200]


def test_without_a_refresh_token_prun_asks_a_terminal_that_is_not_there(
    panda: PandaSandbox,
) -> None:
    panda.issuer.write_token(panda.config_root, seconds=60)
    panda.change_tokens(refuse_refresh=True)
    ran = run_prun(panda, NAME)
    assert (ran.returncode, ran.last) == (1, "EOFError: EOF when reading a line")
    assert "Please go to http://127.0.0.1" in ran.output
    assert panda.journal(VALIDATE) == []
