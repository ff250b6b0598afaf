"""Each migration says with what code its schema works."""

from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory

from deployments.migrations.compatibility import oldest_code

_LAST_WITHOUT = "0027"
"""Up to this revision every part was to be of the schema's own version."""


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", "deployments:migrations")
    return ScriptDirectory.from_config(config)


def test_a_migration_says_the_oldest_code_that_works_on_its_schema():
    known = scripts()
    for migration in known.walk_revisions():
        if migration.revision > _LAST_WITHOUT:
            assert migration.module.oldest_code <= migration.revision
            assert known.get_revision(migration.module.oldest_code) is not None


def test_code_of_before_that_was_said_works_on_no_later_schema():
    assert oldest_code(scripts()) >= _LAST_WITHOUT
