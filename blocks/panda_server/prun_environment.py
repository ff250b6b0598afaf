"""Where panda-client is installed, and the whole environment that its prun runs in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from blocks.panda_server.errors import PrunMissing
from blocks.panda_server.prun import require_plain

_FUNCTIONS = "etc/panda/share/functions.sh"
_SYSTEM_PYTHON = Path("/usr/bin/python3")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def prun_environment(
    *,
    token: str,
    url_ssl: str,
    auth_vo: str,
    private_dir: Path,
    url: str | None = None,
    cache_url: str | None = None,
    ca_dir: Path | None = None,
    client_dir: Path | None = None,
    keep: Mapping[str, str] = _NOTHING,
) -> dict[str, str]:
    """The environment of a prun that asks nothing, and finds nothing but what it is given.

    Args:
        token: the OIDC token that is used as it is; neither ``.token`` nor an issuer is asked.
        url_ssl: as PANDA_URL_SSL; a path is added where it has none, since prun needs one.
        auth_vo: as PANDA_AUTH_VO.
        private_dir: an empty directory that is HOME, PANDA_CONFIG_ROOT and TMPDIR; not the
            sandbox, since prun asks before it packs its home.
        url: as PANDA_URL; unset: `url_ssl`.
        cache_url: as PANDACACHE_URL; unset: `url_ssl`.
        ca_dir: as X509_CERT_DIR.
        client_dir: panda-client's PANDA_SYS; unset: the one that was installed with prodops.
        keep: further variables, such as the run's marker; none of ours is changed by them.

    Raises:
        PrunMissing: There is no panda-client in `client_dir`.
        UnsafePath: prun's wrapper could not be started from there.
    """
    private = os.fspath(private_dir)
    ours = {
        "PATH": _PATH,
        "LANG": "C.UTF-8",
        "HOME": private,
        "TMPDIR": private,
        "PYTHONSAFEPATH": "1",  # files of the sandbox are no modules
        "PANDA_URL": _with_path(url or url_ssl),
        "PANDA_URL_SSL": _with_path(url_ssl),
        "PANDACACHE_URL": _with_path(cache_url or url_ssl),
        "PANDA_BEHIND_REAL_LB": "1",
        "PANDA_AUTH": "oidc",
        "PANDA_AUTH_VO": auth_vo,
        "PANDA_AUTH_ID_TOKEN": token,
        "PANDA_CONFIG_ROOT": private,
    }
    certificates = {"X509_CERT_DIR": os.fspath(ca_dir)} if ca_dir is not None else {}
    return {**keep, **ours, **certificates, **_client(client_dir or Path(sys.prefix))}


def _client(directory: Path) -> dict[str, str]:
    """What prun's wrapper needs to find panda-client."""
    for needed in (directory / "bin" / "prun", directory / _FUNCTIONS):
        if not needed.is_file():
            raise PrunMissing(f"no panda-client in {directory}: {needed} is not there")
    python, modules = _python_of(directory)
    require_plain(directory)
    require_plain(python)
    return {
        "PANDA_SYS": os.fspath(directory),
        "PANDA_PYTHON_EXEC": os.fspath(python),
        "PANDA_PYTHONPATH": modules,
    }


def _python_of(directory: Path) -> tuple[Path, str]:
    """The interpreter, and where it finds panda-client unless by itself."""
    if directory == Path(sys.prefix):
        return Path(sys.executable), ""
    own = directory / "bin" / "python3"
    if own.exists():
        return own, ""
    packages = next(directory.glob("lib/python3*/site-packages/pandaclient"), None)
    return _SYSTEM_PYTHON, os.fspath(packages.parent) if packages is not None else ""


def _with_path(url: str) -> str:
    parts = urlsplit(url)
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/server/panda"
