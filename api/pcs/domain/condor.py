"""The Condor command of a task (`fmt=condor`), which production no longer uses. Pure.

Source: ops contract section 2.8.
"""

from __future__ import annotations

import shlex
from typing import Final

from api.pcs.domain.effective import ConfigNotOfForm, EffectiveConfig
from api.pcs.domain.payload import environment
from api.pcs.errors import NoArtifact
from api.pcs.models import Dataset

_SEPARATOR: Final = " \\\n  "
_PROXY: Final = "secrets/x509_user_proxy"
_DEFAULT_HOURS: Final = 2
_ORDER: Final = (
    "EBEAM", "PBEAM", "DETECTOR_VERSION", "DETECTOR_CONFIG", "JUG_XL_TAG", "COPYRECO", "COPYFULL",
    "COPYLOG", "USERUCIO", "X509_USER_PROXY", "OUT_RSE", "CSV_FILE", "SIGNAL_FREQ",
    "SIGNAL_STATUS", "TAG_PREFIX", "BG_FILES",
)  # fmt: skip


def compose(dataset: Dataset, config: EffectiveConfig, *, input_location: str) -> str:
    r"""The command's text, a variable a line, with ``\` before each line's end.

    Args:
        dataset: The task's dataset, with its tags.
        config: The task's effective configuration.
        input_location: Where the list of the input files is.

    Raises:
        ConfigNotOfForm: A value may not stand in a command.
        NoArtifact: There is no list of input files.
    """
    if problems := config.problems():
        raise ConfigNotOfForm(problems)
    if not input_location:
        raise NoArtifact("no list of input files: set csv_file, or link a dataset with a source")
    variables = environment(dataset, config, input_location=input_location)
    if config.fields.get("use_rucio"):
        variables |= {"USERUCIO": "true", "X509_USER_PROXY": _PROXY}
    variables["OUT_RSE"] = config.text("rucio_rse")
    settings = (f"{name}={shlex.quote(variables[name])}" for name in _ORDER if variables.get(name))
    hours = config.fields.get("target_hours_per_job") or _DEFAULT_HOURS
    command = f"scripts/submit_csv.sh osg_csv hepmc3 {shlex.quote(input_location)} {hours:g}"
    return _SEPARATOR.join([*settings, command])
