"""What a configuration says of its paths."""

import pytest
from pydantic import Field, ValidationError

from blocks.configuration import AbsolutePath, Configuration, HttpAddress, PathUnusable


class Account(Configuration):
    PRIVATE = frozenset({"password_file"})

    url: HttpAddress = Field("http://x.test", description="Where.")
    password_file: AbsolutePath | None = Field(None, description="Private.")
    ca_dir: AbsolutePath | None = Field(None, description="Public.")


def test_paths_that_can_be_read_are_good(tmp_path):
    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0o600)
    Account(password_file=tmp_path / "password", ca_dir=tmp_path).require_paths()
    Account().require_paths()


def test_a_path_that_is_not_there_is_named_with_its_field(tmp_path):
    with pytest.raises(PathUnusable, match=r"ca_dir: .*/none cannot be used: No such file"):
        Account(ca_dir=tmp_path / "none").require_paths()


def test_only_a_credential_has_to_be_private(tmp_path):
    (tmp_path / "open").write_text("secret")
    (tmp_path / "open").chmod(0o644)
    Account(ca_dir=tmp_path / "open").require_paths()
    with pytest.raises(PathUnusable, match=r"password_file: .* \(mode 0644\): chmod 600"):
        Account(password_file=tmp_path / "open").require_paths()


@pytest.mark.parametrize("url", ["ftp://x.test", "x.test"])
def test_an_address_is_of_http(url):
    with pytest.raises(ValidationError, match="must be an http:// or https:// URL"):
        Account(url=url)


def test_a_field_that_was_emptied_in_the_ui_is_unset():
    emptied = Account(url="", password_file="", ca_dir="")
    assert emptied == Account()
