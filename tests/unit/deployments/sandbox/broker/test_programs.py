"""Where ActiveMQ is, and what is said where it is not."""

from __future__ import annotations

import zipfile

import pytest

from deployments.sandbox.broker import programs
from deployments.stack.parts import parts_of
from deployments.stack.temporary import temporary_settings
from flows.common.settings import BadSetting


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An ActiveMQ that is not there yet."""
    monkeypatch.setattr(programs, "ACTIVEMQ_HOME", tmp_path)
    return tmp_path


def install(home, manifest="Implementation-Version: 5.17.2\r\n"):
    for folder in ("bin", "lib"):
        (home / folder).mkdir()
    (home / "bin" / "activemq.jar").touch()
    with zipfile.ZipFile(home / "lib" / "activemq-broker.jar", "w") as library:
        library.writestr("META-INF/MANIFEST.MF", manifest)


def test_a_broker_that_is_set_and_not_installed_is_refused_with_what_installs_it(home):
    given = {"PRODOPS_STATE_DIR": "/state", "PRODOPS_SANDBOX_BROKER": "true"}
    with pytest.raises(BadSetting) as caught:
        parts_of(temporary_settings(given), given)
    assert str(caught.value) == (
        "setting PRODOPS_SANDBOX_BROKER=true: ActiveMQ is not installed; "
        "Debian has it as activemq: run `apt-get install --no-install-recommends activemq` or "
        "deployments/system-packages.sh as root"
    )


def test_without_java_it_is_not_installed(home, monkeypatch):
    install(home)
    monkeypatch.setattr(programs.shutil, "which", lambda _name: None)
    assert programs.find_programs() is None


def test_its_part_is_started_before_what_uses_it(home, monkeypatch):
    install(home)
    monkeypatch.setattr(programs.shutil, "which", lambda _name: "/usr/bin/java")
    given = {"PRODOPS_STATE_DIR": "/state", "PRODOPS_SANDBOX_BROKER": "true"}
    names = [part.name for part in parts_of(temporary_settings(given), given)]
    assert names.index("broker") < names.index("worker")


def test_the_version_is_the_manifest_s_or_unknown(home):
    assert programs.version_of_broker() is None
    install(home)
    assert programs.version_of_broker() == "5.17.2"
