"""Why no connection to Rucio came about: whose certificate is not good, of which host, until when.

TLS itself says little, and servers say of ours what is not so.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from blocks.rucio_catalog.answers import reason_of
from blocks.rucio_catalog.errors import RucioUnauthorized, RucioUnavailable, RucioUntrusted
from blocks.tls import presented_certificate
from blocks.x509_proxy import good_proxy

_OURS: Final = (
    "certificate expired", "certificate revoked", "bad certificate", "unknown ca",
    "certificate required", "certificate unknown", "unsupported certificate", "access denied",
)  # fmt: skip
"""TLS alerts of a server that does not like the client's certificate (RFC 8446, section 6.2)."""
_EXPIRED, _NOT_YET_VALID, _OTHER_HOST = 10, 9, 62  # X509_V_ERR_… of OpenSSL
_UNKNOWN_AUTHORITY: Final = (2, 18, 19, 20, 21)
_LOOK_SECONDS: Final = 5.0


def failure_of(
    error: BaseException, origin: str, proxy: str | None
) -> RucioUnauthorized | RucioUnavailable:
    """The error that a failed request to `origin` is, for which `proxy` was shown."""
    reason = reason_of(error)
    refused = _verification_of(error)
    if refused is not None:
        return RucioUntrusted(_of_server(refused, origin))
    alert = next((each for each in _OURS if f"alert {each}" in reason.lower()), None)
    if alert is not None:
        return RucioUnauthorized(_of_ours(alert, origin, proxy))
    return RucioUnavailable(f"no answer from {origin}: {reason}")


def _of_ours(alert: str, origin: str, proxy: str | None) -> str:
    host = _host(origin)
    if proxy is None:
        return f"{host} wants an x509 certificate, and none is used here ({alert})"
    # It was good before it was shown; it may have expired since.
    good = good_proxy(Path(proxy))
    dates = f"it is good from {_time(good.valid_from)} until {_time(good.expires_at)}"
    hint = (
        f"is the clock of {host} right" if "expired" in alert else f"does {host} know its authority"
    )
    return f"{host} says of the proxy {proxy}: {alert}; {dates} by our clock: {hint}?"


def _of_server(refused: ssl.SSLCertVerificationError, origin: str) -> str:
    host, code = _host(origin), refused.verify_code
    whose = f"the host certificate of {host}"
    shown = presented_certificate(*_address(origin), timeout_seconds=_LOOK_SECONDS)
    if code == _EXPIRED:
        return f"{_expired(whose, shown)}: its operators have to renew it"
    if code == _NOT_YET_VALID:
        since = f" before {_time(shown.not_valid_before_utc)}" if shown is not None else " yet"
        now = _time(datetime.now(UTC))
        return f"{whose} is not valid{since}; now it is {now}: is our clock right?"
    if code == _OTHER_HOST:
        return f"{whose} is of another host: {refused.verify_message}"
    if code in _UNKNOWN_AUTHORITY:
        by = f" {shown.issuer.rfc4514_string()}," if shown is not None else ""
        return f"{whose} is made by{by} an authority that is not among those set here"
    return f"{whose} is not accepted: {refused.verify_message}"


def _expired(whose: str, shown: x509.Certificate | None) -> str:
    now = datetime.now(UTC)
    if shown is None:
        return f"{whose} has expired"
    if shown.not_valid_after_utc > now:  # it is good itself
        return f"a certificate in the chain of {whose} has expired"
    return f"{whose} expired at {_time(shown.not_valid_after_utc)}"


def _verification_of(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The refusal of the server's certificate that an error was caused by, if it was."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        if isinstance(each, ssl.SSLCertVerificationError):
            return each
        seen.add(id(each))
        inner = (*each.args, getattr(each, "reason", None))
        pending += [part for part in inner if isinstance(part, BaseException)]
        pending += [each.__cause__, each.__context__]
    return None


def _address(origin: str) -> tuple[str, int]:
    parts = urlsplit(origin)
    return parts.hostname or "", parts.port or 443


def _host(origin: str) -> str:
    host, port = _address(origin)
    return f"{host}:{port}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
