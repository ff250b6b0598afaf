"""Style, scripts, and Plotly and Swagger UI out of wheels, under a path that names their version.

So browsers may cache them without limit, and never ask whether they changed.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

from api.http import folders
from api.http.errors import Rejection

router = APIRouter(prefix="/static", include_in_schema=False)

PLOTLY: Final = "plotly.min.js"
SWAGGER: Final = ("swagger-ui-bundle.js", "swagger-ui.css")
_FROM_WHEELS: Final = {
    PLOTLY: ("plotly", "plotly/package_data"),
    **dict.fromkeys(SWAGGER, ("fastapi-offline", "fastapi_offline/static")),
}
_FOREVER: Final = "public, max-age=31536000, immutable"
_LEVEL: Final = 6


def asset_path(name: str) -> str:
    """The path, without the prefix, that serves a file of the present version.

    Raises:
        KeyError: There is no such file.
    """
    return f"/static/{_version()}/{find()[name].name}"


@router.get("/{wanted}/{name}")
def get_asset(wanted: str, name: str, request: Request) -> Response:
    """A file; one of another version than asked for (a page from before an upgrade) is not kept."""
    path = find().get(name)
    if path is None:
        raise Rejection(404, {"detail": f"there is no file {name}"})
    headers = {
        "Cache-Control": _FOREVER if wanted == _version() else "no-store",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_packed(name), 200, {**headers, "Content-Encoding": "gzip"}, kind)
    return Response(path.read_bytes(), 200, headers, kind)


@lru_cache(maxsize=1)
def find() -> dict[str, Path]:
    """Every file that is served, by its name.

    Raises:
        NameTaken: Two of them have one name.
    """
    vendored = {
        name: Path(str(distribution(wheel).locate_file(folder)), name)
        for name, (wheel, folder) in _FROM_WHEELS.items()
    }
    return {**folders.files("static"), **vendored}


@lru_cache(maxsize=1)
def _version() -> str:
    digest = hashlib.sha256()
    for wheel in ("plotly", "fastapi-offline"):
        digest.update(version(wheel).encode())
    for name, path in find().items():
        if name not in _FROM_WHEELS:
            digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=64)
def _packed(name: str) -> bytes:
    return gzip.compress(find()[name].read_bytes(), _LEVEL)
