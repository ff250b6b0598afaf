"""Words for the same type of subject."""

import pytest

from api.assessments.domain import SubjectType, canonical_type


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("ctask", SubjectType.CAMPAIGN_TASK),
        (" ProdTask ", SubjectType.CAMPAIGN_TASK),
        ("jedi", SubjectType.PANDA_TASK),
        ("job", SubjectType.PANDA_JOB),
        ("campaign", SubjectType.CAMPAIGN),
        ("crash_signature", "crash_signature"),
    ],
)
def test_a_word_means_its_type_and_one_that_is_not_known_itself(word, kind):
    assert canonical_type(word) == kind
