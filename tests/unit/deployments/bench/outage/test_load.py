"""What the bench's load makes of an answer: accepted, to be asked again, or refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from deployments.bench.outage.load import Wish, fetch, stf, submission
from deployments.bench.outage.pages import words_of

BEFORE = {"detail": "Already submitted as jediTaskID 70."}


def taken(wish: Wish, status: int, body: dict[str, Any], *, tries: int = 1) -> Wish:
    wish.tries = tries
    wish.take(httpx.Response(status, json=body))
    return wish


def test_what_is_accepted_has_its_request():
    assert taken(submission("t"), 202, {"request_id": 7}).request_id == 7
    announced = taken(stf({"filename": "a.stf"}), 201, {"id": 9})
    assert (announced.is_over, announced.request_id, announced.refusals) == (True, None, [])


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_is_away_is_asked_again(status: int):
    assert not taken(fetch(7), status, {"detail": "the database is unavailable"}).is_over


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500])
def test_any_other_answer_is_a_refusal(status: int):
    refused = taken(fetch(7), status, {"detail": "no"})
    assert (refused.is_over, refused.accepted_at) == (True, None)
    assert refused.refusals[0].startswith(f"{status}: ")


def test_a_submission_whose_answer_was_lost_may_have_been_done():
    assert taken(submission("t"), 409, BEFORE, tries=2).accepted_at is not None
    assert taken(submission("t"), 409, BEFORE).refusals


STRIP = '<p class="strip"><span id="strip-words">Prefect &amp; worker answer.</span></p>'


@pytest.mark.parametrize(
    ("status", "page", "words"),
    [
        (200, f"<body>{STRIP}<p>more</p></body>", "Prefect & worker answer."),
        (200, "<body>no strip</body>", ""),
        (503, "<style>p {}</style><h1>Away</h1>\n<p>the database</p>", "Away the database"),
    ],
)
def test_the_words_of_a_page_are_its_strips_or_all_of_a_failure(status: int, page: str, words: str):
    assert words_of(httpx.Response(status, text=page)) == words
