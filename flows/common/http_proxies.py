"""HTTP proxies of the environment: for the outside only, and the same for every library.

Libraries differ in the case of the names that they read, and take this machine's own addresses to
the proxy unless NO_PROXY names them.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Final
from urllib.parse import urlsplit

from flows.common.settings import BadSetting

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")
_EXCEPTIONS: Final = "no_proxy"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def proxy_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The proxies of an environment, in both cases, with loopback excepted; empty without any.

    Raises:
        BadSetting: One is no http:// or https:// address: httpx, requests and prun could not all
            use it.
    """
    found = {name: _value(given, name) for name in (*_PROXIES, _EXCEPTIONS)}
    named = [name for name in _PROXIES if found[name]]
    if not named:
        return {}
    for name in named:
        _check(name, found[name])
    excepted = [each.strip() for each in found[_EXCEPTIONS].split(",") if each.strip()]
    if "*" not in excepted:
        excepted += [each for each in _LOOPBACK if each not in excepted]
    complete = {name: found[name] for name in named} | {_EXCEPTIONS: ",".join(excepted)}
    return complete | {name.upper(): value for name, value in complete.items()}


def keep_loopback_direct(environment: MutableMapping[str, str]) -> None:
    """Have no library of this process, nor of its children, take loopback to a proxy.

    Raises:
        BadSetting: A proxy is no http:// or https:// address.
    """
    wanted = proxy_environment(environment)
    for name in list(environment):
        if name.lower() in (*_PROXIES, _EXCEPTIONS) and name not in wanted:
            del environment[name]
    environment.update(wanted)


def _value(given: Mapping[str, str], name: str) -> str:
    """The variable's value in lower case, else in any other, as urllib reads them."""
    if name in given:
        return given[name].strip()
    return next((text.strip() for key, text in given.items() if key.lower() == name), "")


def _check(name: str, value: str) -> None:
    url = urlsplit(value if "://" in value else f"http://{value}")
    try:
        is_usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        shown = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
        raise BadSetting(
            f"setting {name.upper()}={shown}: must be the http:// or https:// address of a proxy "
            "(unset it if only loopback is needed)"
        )
