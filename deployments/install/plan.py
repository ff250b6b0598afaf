"""The plan of an installation: its steps, in the order in which they are done."""

from __future__ import annotations

from pathlib import Path

from deployments.install import contents, files
from deployments.install.database_server import Server
from deployments.install.files import (
    PRIVATE_DIRECTORY,
    PUBLIC_DIRECTORY,
    Directory,
    Parent,
    Secret,
    random_secret,
)
from deployments.install.manifest import Manifest
from deployments.install.options import Options
from deployments.install.owners import User
from deployments.install.roles import Database, Role, WebAccess
from deployments.install.schema import PcsToken, Schema
from deployments.install.settings_file import SettingsFile
from deployments.install.steps import Step
from deployments.install.systemd import Unit
from deployments.stack.credentials import OPS_ROLE, PREFECT_ROLE, WEB_ROLE
from deployments.stack.roles import PREFECT_DATABASE, PRODOPS_DATABASE
from flows.common import access
from flows.common.database import web_limits
from flows.common.settings import settings


def steps_of(manifest: Manifest, server: Server, units: dict[str, str]) -> list[Step]:
    """Every step of the installation.

    Args:
        manifest: Its record, with the options.
        server: Its database server.
        units: Content of each unit file, by its name.
    """
    options = manifest.options
    return [
        *_users(options),
        *_directories(options),
        *_secrets(options),
        *_settings_files(manifest),
        *_database(options, server),
        Schema(options),
        PcsToken(options),
        *(Unit(options.places.units / name, content) for name, content in units.items()),
    ]


def _users(options: Options) -> list[Step]:
    if options.is_one_user:
        return []
    places = options.places
    return [User(options.ops, places.ops_state), User(options.web, places.web_state)]


def _directories(options: Options) -> list[Step]:
    places, ops, web = options.places, options.ops, options.web
    own = [
        Directory(places.etc, files.current(), PUBLIC_DIRECTORY),
        Directory(places.ops_state, ops, PRIVATE_DIRECTORY),
        Directory(places.web_state, web, PRIVATE_DIRECTORY),
        Directory(places.public, ops, PUBLIC_DIRECTORY),
    ]
    above = _missing_parents([*(each.path for each in own), places.units / "unit"])
    return [*map(Parent, above), *own]


def _missing_parents(paths: list[Path]) -> list[Path]:
    """Every directory above the paths, from the top; `/` is there."""
    parents = {parent for path in paths for parent in path.parents if parent != Path("/")}
    return sorted(parents)


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


def _database(options: Options, server: Server) -> list[Step]:
    places = options.places
    return [
        Role(server, options, OPS_ROLE, places.ops_passfile),
        Role(server, options, PREFECT_ROLE, places.ops_passfile),
        Role(server, options, WEB_ROLE, places.web_passfile),
        Database(server, PRODOPS_DATABASE, OPS_ROLE),
        Database(server, PREFECT_DATABASE, PREFECT_ROLE),
        WebAccess(server, PRODOPS_DATABASE, WEB_ROLE, web_limits(settings())),
    ]
