"""What is left to a person after an installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deployments.install import systemd
from deployments.install.options import Options
from deployments.install.running import Row
from deployments.systemd.units import target_name


def advice(options: Options, rows: Sequence[Row]) -> Iterator[str]:
    """The next commands, in words."""
    places, target = options.places, target_name(systemd.site(options))
    if any(".new" in row.step and row.state == "changed" for row in rows):
        yield f"settings have a new form: compare the files *.new in {places.etc} with yours"
    if not systemd.is_managed(places.units):
        yield f"the units are in {places.units}, and systemd was told nothing"
    elif systemd.is_active(options):
        yield f"the parts run what was there before: `systemctl restart {target}`"
    else:
        yield f"look through {places.ops_env} and {places.web_env}, then start the parts: "
        yield f"  systemctl enable --now {target}"
