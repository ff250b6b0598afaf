"""What a command gives, completed by what the installation was told before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployments.install.database_server import Server
from deployments.install.manifest import read
from deployments.install.options import Options, check_parts
from deployments.install.places import Places
from flows.common.settings import BadSetting

_CHANGEABLE = {"parts", "is_by_hand"}


def options_of(prefix: Path, given: Mapping[str, Any], server: Server) -> Options:
    """The options of an installation: a first one's defaults, or those of the one that is there.

    Args:
        prefix: Where it is.
        given: What the command names, by the options' names; None: not named.
        server: The database server, whose address a first installation takes down.

    Raises:
        BadSetting: Something is not as it was, and stands in files of the operator's.
    """
    named = {name: value for name, value in given.items() if value is not None}
    if "parts" in named:
        named["parts"] = check_parts(named["parts"])
    manifest = read(Places(prefix).manifest)
    if manifest is None:
        host, port = server.address
        return _checked(Options(prefix=prefix, database_host=host, database_port=port, **named))
    for name, value in named.items():
        before = getattr(manifest.options, name)
        if name not in _CHANGEABLE and value != before:
            raise BadSetting(
                f"--{name.replace('_', '-')} {value}: this installation has {before!r}; "
                "change it in ops.env and web.env, or remove the installation first"
            )
    return replace(manifest.options, **named)


def _checked(options: Options) -> Options:
    path = options.root_path
    if path and (not path.startswith("/") or path.endswith("/") or not path.isprintable()):
        raise BadSetting(f"--root-path {path}: must start with / and not end with one")
    return options
