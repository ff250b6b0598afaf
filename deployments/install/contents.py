"""The settings files as they are first written; from then on they are the operator's."""

from __future__ import annotations

from deployments.install.options import Options

_DATABASE = "prodops"
_API_PORT = 8002

_OPS = """\
# Settings of prodops' operations side: worker, relay, bridge, notifier, scanner, Prefect.
# Made by `prodops install`; yours from here on. Every setting: docs/reference/settings.md.
PRODOPS_DATABASE_URL=postgresql://prodops_ops@{address}/{database}
PRODOPS_DATABASE_PASSFILE={places.ops_passfile}
PRODOPS_STATE_DIR={places.ops_state}
PRODOPS_TMP_DIR={places.public}
PRODOPS_PREFECT_PASSWORD_FILE={places.prefect_password}
PRODOPS_PCS_URL=http://127.0.0.1:{api_port}{options.root_path}
PRODOPS_PCS_TOKEN_FILE={places.pcs_token}
PRODOPS_API_MONITOR_URL=http://127.0.0.1:{api_port}{options.root_path}
PRODOPS_CANARY_MONITOR_URL=http://127.0.0.1:{api_port}{options.root_path}
PRODOPS_CANARY_TOKEN_FILE={places.canary_token}
# A job with a small log and a small campaign for the canary: docs/how-to/see-whether-all-is-well.md
#PRODOPS_CANARY_LOG_JOB=123456
#PRODOPS_CANARY_CAMPAIGN=26.05.0

# The address of Prefect's UI that pages link to; also in web.env.
#PRODOPS_PREFECT_UI_URL=https://prefect.example.org
# Namespaces that are sampled; also in web.env.
#PRODOPS_FASTMON_NAMESPACES=epic
# Submission: docs/how-to/run-in-production.md.
#PANDA_URL_SSL=https://pandaserver.example.org:25443/server/panda
#PRODOPS_PANDA_CONFIG_ROOT={places.ops_state}/pathena
# Rucio and XRootD: docs/how-to/connect-rucio-and-xrootd.md.
#PRODOPS_RUCIO_LOGS_URL=https://rucio-logs.example.org:443
#PRODOPS_RUCIO_LOGS_PROXY_FILE={places.ops_state}/proxy.pem
"""

_WEB = """\
# Settings of prodops' web tier.
# Made by `prodops install`; yours from here on. Every setting: docs/reference/settings.md.
PRODOPS_DATABASE_URL=postgresql://prodops_web@{address}/{database}
PRODOPS_DATABASE_PASSFILE={places.web_passfile}
PRODOPS_STATE_DIR={places.web_state}
PRODOPS_TMP_DIR={places.public}
PRODOPS_API_COOKIE_KEY_FILE={places.cookie_key}
PRODOPS_API_OPEN_READS=false
PRODOPS_API_TRUSTED_PROXIES=127.0.0.1
PRODOPS_ROOT_PATH={options.root_path}
PRODOPS_API_MONITOR_URL=http://127.0.0.1:{api_port}{options.root_path}

# The address of Prefect's UI that pages link to; also in ops.env.
#PRODOPS_PREFECT_UI_URL=https://prefect.example.org
# Namespaces that are served; also in ops.env.
#PRODOPS_FASTMON_NAMESPACES=epic
# PanDA's monitor, which pages link to.
#PRODOPS_PCS_PANDA_MONITOR_URL=https://panda.example.org/task/{{id}}/
"""


def ops_env(options: Options) -> str:
    """The operations side's settings."""
    return _filled(_OPS, options)


def web_env(options: Options) -> str:
    """The web tier's settings."""
    return _filled(_WEB, options)


def _filled(text: str, options: Options) -> str:
    host = options.database_host
    literal = f"[{host}]" if ":" in host else host
    return text.format(
        options=options,
        places=options.places,
        address=f"{literal}:{options.database_port}",
        database=_DATABASE,
        api_port=_API_PORT,
    )


def passfile_line(options: Options, database: str, role: str, password: str) -> str:
    """A line of a libpq password file."""
    host = options.database_host.replace(":", r"\:")
    return f"{host}:{options.database_port}:{database}:{role}:{password}\n"
