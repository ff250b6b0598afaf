"""The browser of somebody who has signed in at a whole stack."""

from __future__ import annotations

import re

import pytest

from tests.browser import visits
from tests.browser.visits import begin_visit

chromium = visits.chromium
EXPECTED = re.compile(r"status of 40[0139]|status of 503|Password forms should have")


@pytest.fixture
def visit(chromium, production):
    """The browser of somebody who has signed in."""
    visit = begin_visit(chromium, production.site.stack.api_url)
    visit.sign_in(production.site.token)
    yield visit
    visit.page.context.close()
    told = [each for each in visit.complaints if not EXPECTED.search(each)]
    assert (told, visit.strangers) == ([], [])
