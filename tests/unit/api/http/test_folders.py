"""What the web tier finds by looking into the folders of `api`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import api
from api.http import assets, folders, pages


@pytest.fixture
def capability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A new capability's folder, found beside the others."""
    folder = tmp_path / "beamline"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.setattr(api, "__path__", [*api.__path__, str(tmp_path)])
    yield folder
    for name in [name for name in sys.modules if name.startswith("api.beamline")]:
        del sys.modules[name]
    vars(api).pop("beamline", None)


def test_a_module_is_found_as_a_file_and_in_a_folder(capability):
    (capability / "routes.py").write_text("router = None")
    (capability / "pages").mkdir()
    (capability / "pages" / "__init__.py").touch()
    (capability / "pages" / "orbit.py").touch()

    found = [module.__name__ for room in ("routes", "pages") for module in folders.modules(room)]

    assert {"api.beamline.routes", "api.beamline.pages.orbit"} <= set(found)


def test_a_file_is_found_by_its_name_alone(capability):
    (capability / "static").mkdir()
    (capability / "static" / "orbit.js").touch()

    assert folders.files("static")["orbit.js"].parent == capability / "static"


@pytest.mark.parametrize("name", ["style.css", "live.js"])
def test_two_files_of_one_name_are_refused(capability, name):
    (capability / "static").mkdir()
    (capability / "static" / name).touch()

    with pytest.raises(folders.NameTaken, match=name):
        folders.files("static")


def test_every_template_and_asset_of_today_has_its_own_name():
    assert "base.html" in pages.environment().list_templates()
    assert {"live.js", "tasks.js", "catalog.js", "fastmon.js"} <= set(assets.find())
