"""What the tasks share: the outside services, as they are configured when the run begins."""

import pytest

from flows.common import sources
from flows.common.models import RequestState
from flows.common.settings import settings
from tests.support import submissions as support

submissions = support.submissions

pytestmark = pytest.mark.integration


def test_a_submission_without_its_block_is_put_off_unsent_and_goes_on_when_it_is_mended(
    submissions, monkeypatch
):
    submissions.ready("elm")
    with monkeypatch.context() as lost:
        lost.setenv("PRODOPS_PANDA_BLOCK", "gone")
        settings.cache_clear()
        lost.setattr(sources, "read_documents", lambda _: {})
        waiting = submissions.submit("elm")
    assert waiting.state == RequestState.QUEUED
    assert waiting.error.startswith("setting PRODOPS_PANDA_BLOCK: Prefect has no block")
    assert submissions.attempt("elm").sends == 0
    settings.cache_clear()
    assert submissions.work(waiting.id).state == RequestState.COMPLETED
    assert len(submissions.finals("elm")) == 1
