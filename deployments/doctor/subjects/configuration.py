"""The settings: whether they can be loaded, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deployments.doctor.findings import Check, Finding, ok, problem
from deployments.doctor.site import Site
from flows.common.settings import env_file, known_names
from flows.common.settings.forms import ENV_FILE

_ADVICE = "correct or remove it: docs/reference/settings.md describes every setting"


def _look(site: Site) -> Iterator[Finding]:
    if site.loaded is None:
        for each in site.setting_problems:
            yield problem(each, _ADVICE)
        return
    known, path = known_names(), Path(ENV_FILE).absolute()
    in_file = [name for name in env_file() if name in known]
    given = [name for name in site.environment if name in known]
    where = f"{len(in_file)} in {path}" if path.exists() else f"there is no {path}"
    yield ok(f"{len(given)} settings in the environment, {where}")


CHECKS = (
    Check(
        name="settings", summary="whether the settings can be loaded, and from where", look=_look
    ),
)
