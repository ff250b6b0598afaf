"""What a command gives, completed by what the installation was told before."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployments.install.database_server import server_of
from deployments.install.manifest import read
from deployments.install.options import Options, check_parts
from deployments.install.places import Places
from flows.common.settings import BadSetting

_CHANGEABLE = {"parts", "is_by_hand", "superuser_url", "superuser_passfile"}


def options_of(prefix: Path, given: Mapping[str, Any]) -> Options:
    """The options of an installation: a first one's defaults, or those of the one that is there.

    Args:
        prefix: Where it is.
        given: What the command names, by the options' names; None: not named.

    Raises:
        BadSetting: Something is not as it was, and stands in files of the operator's.
    """
    named = {name: value for name, value in given.items() if value is not None}
    if "parts" in named:
        named["parts"] = check_parts(named["parts"])
    if "superuser_passfile" in named:
        named["superuser_passfile"] = Path(os.path.abspath(named["superuser_passfile"]))  # noqa: PTH100 - links stay
    manifest = read(Places(prefix).manifest)
    if manifest is None:
        return _first(Options(prefix=prefix, **named))
    for name, value in named.items():
        before = getattr(manifest.options, name)
        if name not in _CHANGEABLE and value != before:
            raise BadSetting(
                f"--{name.replace('_', '-')} {value}: this installation has {before!r}; "
                "change it in ops.env and web.env, or remove the installation first"
            )
    return _same_server(replace(manifest.options, **named))


def _first(options: Options) -> Options:
    path = options.root_path
    if path and (not path.startswith("/") or path.endswith("/") or not path.isprintable()):
        raise BadSetting(f"--root-path {path}: must start with / and not end with one")
    host, port = server_of(options).address
    return replace(options, database_host=host, database_port=port)


def _same_server(options: Options) -> Options:
    """See that it is the server of the parts: on another one are others' databases of that name."""
    host, port = server_of(options).address
    if (host, port) != (options.database_host, options.database_port):
        raise BadSetting(
            f"--database-url {options.superuser_url}: this installation's database is at "
            f"{options.database_host}:{options.database_port}"
        )
    return options
