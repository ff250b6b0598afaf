"""Every setting of prodops, in one frozen tree: name, default and meaning.

A setting is read from the environment (``PRODOPS_<GROUP>_<NAME>``, or the original agents' name
where one is listed), then from ``.env``, then from its default.
"""

from flows.common.settings.agents import AgentsSettings
from flows.common.settings.env_file import env_file
from flows.common.settings.fastmon import FastmonSettings
from flows.common.settings.forms import PREFIX, BadSetting
from flows.common.settings.production import PandaSettings
from flows.common.settings.services import ApiSettings, StreamSettings, WorkerSettings
from flows.common.settings.storage import RucioSettings, XrootdSettings
from flows.common.settings.testbed import AgentSettings, TestbedSettings, WorkflowsSettings
from flows.common.settings.tree import GROUPS, Settings, known_names, names_of, problems, settings

__all__ = [
    "GROUPS",
    "PREFIX",
    "AgentSettings",
    "AgentsSettings",
    "ApiSettings",
    "BadSetting",
    "FastmonSettings",
    "PandaSettings",
    "RucioSettings",
    "Settings",
    "StreamSettings",
    "TestbedSettings",
    "WorkerSettings",
    "WorkflowsSettings",
    "XrootdSettings",
    "env_file",
    "known_names",
    "names_of",
    "problems",
    "settings",
]
