"""The plan of an installation: its steps, in the order in which they are done."""

from __future__ import annotations

from pathlib import Path

from deployments.install import contents
from deployments.install.database_server import server_of
from deployments.install.files import (
    ENTERED_DIRECTORY,
    PRIVATE_DIRECTORY,
    PUBLIC_DIRECTORY,
    Directory,
    Parent,
    Secret,
    random_secret,
)
from deployments.install.given_roles import GivenRole
from deployments.install.manifest import Manifest
from deployments.install.options import Options
from deployments.install.owners import Owner, User, current
from deployments.install.roles import Database, Role, WebAccess
from deployments.install.schema import Schema, canary_token, pcs_token
from deployments.install.settings_file import SettingsFile
from deployments.install.steps import Step
from deployments.install.systemd import UNIT, FormerUnit, Unit, site
from deployments.stack.credentials import OPS_ROLE, PREFECT_ROLE, WEB_ROLE
from deployments.stack.roles import PREFECT_DATABASE, PRODOPS_DATABASE
from deployments.systemd.units import units
from flows.common import access
from flows.common.database import web_limits
from flows.common.settings import settings


def steps_of(manifest: Manifest) -> list[Step]:
    """Every step of the installation.

    Args:
        manifest: Its record, with the options.
    """
    options = manifest.options
    return [
        *above_all(options),
        *_users(options),
        *_directories(options),
        *_secrets(options),
        *_settings_files(manifest),
        *_database(options),
        Schema(options),
        pcs_token(options),
        canary_token(options),
        *_units(manifest),
    ]


def _units(manifest: Manifest) -> list[Step]:
    options = manifest.options
    wanted = [
        Unit(options.places.units / name, text) for name, text in units(site(options)).items()
    ]
    kept = {unit.key for unit in wanted}
    made = [key for key in manifest.made if key.startswith(UNIT) and key not in kept]
    return [*wanted, *(FormerUnit(Path(key.removeprefix(UNIT))) for key in made)]


def above_all(options: Options) -> list[Step]:
    """The record's directory, and those above all others."""
    places = options.places
    lowest = [places.etc, places.units / "unit", places.public]
    parents = sorted({each for path in lowest for each in path.parents} - {Path("/")})
    return [*map(Parent, parents), Directory(places.etc, current(), PUBLIC_DIRECTORY)]


def _users(options: Options) -> list[Step]:
    if options.is_one_user:
        return []
    places = options.places
    return [User(options.ops, places.ops_state), User(options.web, places.web_state)]


def _directories(options: Options) -> list[Step]:
    places, ops, web = options.places, options.ops, options.web
    return [
        _settings_directory(places.ops_etc, ops),
        _settings_directory(places.web_etc, web),
        Directory(places.ops_state, ops, PRIVATE_DIRECTORY, holds_state=True),
        Directory(places.web_state, web, PRIVATE_DIRECTORY, holds_state=True),
        Directory(places.public, ops, PUBLIC_DIRECTORY, holds_state=True),
    ]


def _settings_directory(path: Path, user: Owner) -> Directory:
    """A directory that its user may enter, and only root may change."""
    return Directory(path, Owner(current().name, user.name), ENTERED_DIRECTORY)


def _secrets(options: Options) -> list[Step]:
    places, ops, web = options.places, options.ops, options.web

    def ops_passwords() -> str:
        rows = ((PRODOPS_DATABASE, OPS_ROLE), (PREFECT_DATABASE, PREFECT_ROLE))
        return "".join(contents.passfile_line(options, *row, random_secret()) for row in rows)

    def web_password() -> str:
        return contents.passfile_line(options, PRODOPS_DATABASE, WEB_ROLE, random_secret())

    return [
        Secret(places.ops_passfile, ops, ops_passwords),
        Secret(places.prefect_password, ops, lambda: f"admin:{random_secret()}"),
        Secret(places.pcs_token, ops, access.new_key),
        Secret(places.canary_token, ops, access.new_key),
        Secret(places.web_passfile, web, web_password),
        Secret(places.cookie_key, web, random_secret),
    ]


def _settings_files(manifest: Manifest) -> list[Step]:
    options, offered = manifest.options, manifest.offered
    places = options.places
    return [
        SettingsFile(places.ops_env, contents.ops_env(options), options.ops, offered),
        SettingsFile(places.web_env, contents.web_env(options), options.web, offered),
    ]


def _database(options: Options) -> list[Step]:
    places, server = options.places, server_of(options)
    if options.is_by_hand:
        return [
            GivenRole(options, OPS_ROLE, PRODOPS_DATABASE, places.ops_passfile),
            GivenRole(options, PREFECT_ROLE, PREFECT_DATABASE, places.ops_passfile),
            GivenRole(options, WEB_ROLE, PRODOPS_DATABASE, places.web_passfile),
        ]
    return [
        Role(server, options, OPS_ROLE, PRODOPS_DATABASE, places.ops_passfile),
        Role(server, options, PREFECT_ROLE, PREFECT_DATABASE, places.ops_passfile),
        Role(server, options, WEB_ROLE, PRODOPS_DATABASE, places.web_passfile),
        Database(server, PRODOPS_DATABASE, OPS_ROLE),
        Database(server, PREFECT_DATABASE, PREFECT_ROLE),
        WebAccess(server, PRODOPS_DATABASE, WEB_ROLE, web_limits(settings())),
    ]
