"""Where a run's configuration of the outside comes from: a block document, or the settings.

It is one of the two for each outside service, never a mixture, and is read anew for each run: a
change in Prefect's UI counts from the next run on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from blocks.configuration import Configuration, PathUnusable
from blocks.documents import BlockName, BlocksUnavailable, BlockUnusable, PrefectApi
from flows.common.credential_paths import credential_paths, paths_of
from flows.common.outsides import OUTSIDES, Outside
from flows.common.settings import GROUPS, BadSetting, Settings, names_of

PATIENCE_SECONDS: Final = 30.0  # of a run, with a Prefect that is away

_C = TypeVar("_C", bound=Configuration)
_Documents = Mapping[BlockName, Mapping[str, Any]]


class Sources:
    """The configurations of one run, or of another piece of work; each is made once.

    Args:
        settings: The settings.
        say: Is told in one line where each configuration comes from.
        patience_seconds: How long a Prefect that does not answer is asked again.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        say: Callable[[str], None] = lambda _: None,
        patience_seconds: float = 0.0,
    ) -> None:
        self._settings = settings
        self._say = say
        self._asking = Retrying(
            retry=retry_if_exception_type(BlocksUnavailable),
            wait=wait_exponential(multiplier=0.2, max=2.0),
            stop=stop_after_delay(patience_seconds),
            reraise=True,
        )
        self._documents: _Documents | None = None
        self._made: dict[Outside, Configuration] = {}

    def has(self, outside: Outside) -> bool:
        """Whether there is a configuration of it at all."""
        return outside.name_in(self._settings) is not None or outside.is_in(self._settings)

    def configuration(self, outside: Outside, form: type[_C]) -> _C:
        """The configuration of an outside service, of that form.

        Raises:
            BadSetting: The settings have none, or a value of theirs cannot be used.
            BlockUnusable: The document is not there, or a value of it cannot be used.
            BlocksUnavailable: Prefect does not answer.
        """
        if outside not in self._made:
            name = outside.name_in(self._settings)
            self._made[outside] = (
                of_settings(outside, self._settings, form)
                if name is None
                else self._of_document(outside, name, form)
            )
            place = "the settings" if name is None else f"block {name}"
            self._say(f"{outside.title} from {place}")
        return cast("_C", self._made[outside])

    def _of_document(self, outside: Outside, name: str, form: type[_C]) -> _C:
        if self._documents is None:
            self._documents = self._asking(read_documents, self._settings)
        setting = setting_of(outside, outside.named_by)
        try:
            return _read(self._documents, BlockName(outside.type_slug, name), form, setting)
        except BlockUnusable:
            self._documents = None  # it may be mended before the next try
            raise


def read_documents(settings: Settings) -> _Documents:
    """All documents that the settings name, in one call.

    Raises:
        BlocksUnavailable: Prefect does not answer.
        BadSetting: The file with its password cannot be read.
    """
    named = [(each, each.name_in(settings)) for each in OUTSIDES]
    wanted = [BlockName(each.type_slug, name) for each, name in named if name]
    return prefect_api(settings).documents(wanted)


def prefect_api(settings: Settings) -> PrefectApi:
    """Prefect's API, and the password for it.

    Raises:
        BadSetting: The file with the password cannot be read.
    """
    configured = settings.prefect
    if configured.password_file is None:
        return PrefectApi(configured.server_url)
    try:
        return PrefectApi(configured.server_url, configured.password_file.read_text().strip())
    except OSError as error:
        raise BadSetting(f"setting PRODOPS_PREFECT_PASSWORD_FILE: {error}") from error


def of_settings(outside: Outside, settings: Settings, form: type[_C]) -> _C:
    """The configuration as the settings have it.

    Raises:
        BadSetting: They have none, or a value cannot be used.
    """
    if not outside.is_in(settings):
        setting = setting_of(outside, str(outside.address))
        raise BadSetting(f"setting {setting} is unset: no {outside.title} is configured")
    try:
        return form(**outside.values(settings))
    except ValidationError as error:
        field, reason = first_problem(error)
        raise BadSetting(f"setting {setting_of(outside, field)}: {reason}") from None


def _read(documents: _Documents, block: BlockName, form: type[_C], setting: str) -> _C:
    """The configuration as the document has it that a setting names.

    Raises:
        BlockUnusable: It is not there, a value cannot be used, or a path cannot be read.
    """
    if block not in documents:
        raise BlockUnusable(
            f"setting {setting}: Prefect has no block {block}; `prodops block sync` makes it where "
            "the settings configure that service, else make it in Prefect's UI"
        )
    try:
        made = form(**documents[block])
        credential_paths.add(paths_of(made))
        made.require_paths()
    except ValidationError as error:
        field, reason = first_problem(error)
        problem = f"{field}: {reason}"
    except PathUnusable as error:
        problem = str(error)
    else:
        return made
    raise BlockUnusable(f"block {block} ({setting}) cannot be used: {problem}")


def setting_of(outside: Outside, field: str) -> str:
    """The environment name of a setting of an outside service."""
    group = GROUPS[outside.group]
    return names_of(group, field)[0] if field in group.model_fields else field


def first_problem(error: ValidationError) -> tuple[str, str]:
    """The first field that is wrong, and what is wrong with it."""
    first = error.errors()[0]
    return str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
