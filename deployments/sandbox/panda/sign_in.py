"""The issuer's endpoints: token, device code, and the page on which a device is let in."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.sandbox.panda.protocol import Answer
from deployments.sandbox.panda.tokens import CLIENT_ID, ROBOT_ID, Issuer, TokenRejected

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_DEVICE_SECONDS = 600


@dataclass
class SignIn:
    """Answers what OIDC asks of an issuer; nobody has a password in the sandbox."""

    issuer: Issuer
    _is_let_in: dict[str, bool] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def configuration(self) -> Answer:
        """``/.well-known/openid-configuration``."""
        url = self.issuer.url
        content = {
            "issuer": url,
            "token_endpoint": f"{url}/token",
            "device_authorization_endpoint": f"{url}/devicecode",
            "grant_types_supported": ["refresh_token", "client_credentials", DEVICE_GRANT],
        }
        return Answer.json(content)

    def token(self, form: Mapping[str, str]) -> Answer:
        """``POST /token``: refresh, the robot's client credentials, or a device's code."""
        grant = form.get("grant_type", "")
        is_robot = grant == "client_credentials"
        client, secret = ROBOT_ID if is_robot else CLIENT_ID, form.get("client_secret", "")
        if form.get("client_id") != client or not self.issuer.is_secret_of(client, secret):
            return _error(401, "invalid_client", "unknown client")
        if is_robot:
            return Answer.json(self.issuer.robot_token())
        if grant == DEVICE_GRANT:
            return self._device_token(form.get("device_code", ""))
        if grant != "refresh_token":
            return _error(400, "unsupported_grant_type", grant)
        try:
            return Answer.json(self.issuer.renew(form.get("refresh_token", "")))
        except TokenRejected as error:
            return _error(400, "invalid_grant", str(error))

    def device_code(self, form: Mapping[str, str]) -> Answer:
        """``POST /devicecode``: a code, and the page that lets its device in."""
        if form.get("client_id") != CLIENT_ID:
            return _error(401, "invalid_client", "unknown client")
        code = secrets.token_hex(16)
        with self._lock:
            self._is_let_in[code] = False
        page = f"{self.issuer.url}/device"
        answer = {
            "device_code": code,
            "user_code": code[:8],
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={code[:8]}",
            "expires_in": _DEVICE_SECONDS,
            "interval": 1,
        }
        return Answer.json(answer)

    def let_in(self, user_code: str) -> bool:
        """Let the device with this code in; whether there is one."""
        with self._lock:
            for code in self._is_let_in:
                if user_code and code.startswith(user_code):
                    self._is_let_in[code] = True
                    return True
        return False

    def _device_token(self, code: str) -> Answer:
        with self._lock:
            is_let_in = self._is_let_in.get(code)
            if is_let_in:
                del self._is_let_in[code]
        if is_let_in is None:
            return _error(400, "expired_token", "unknown device code")
        if not is_let_in:
            return _error(400, "authorization_pending", "nobody signed in yet")
        return Answer.json(self.issuer.issue())


def _error(status: int, kind: str, description: str) -> Answer:
    return Answer.json({"error": kind, "error_description": description}, status)
