"""Which answer a request gets: PanDA's methods, the issuer, pages, the sandbox's own controls."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deployments.sandbox.panda import journal as journals
from deployments.sandbox.panda import pages
from deployments.sandbox.panda.controls import Controls
from deployments.sandbox.panda.faults import FaultBox, FaultKind, Reply, When, faulty
from deployments.sandbox.panda.journal import Entry, Journal
from deployments.sandbox.panda.methods import ENDPOINTS, Panda
from deployments.sandbox.panda.protocol import HTML, Answer, BadCall
from deployments.sandbox.panda.requests import BadBody, Request
from deployments.sandbox.panda.sign_in import SignIn
from deployments.sandbox.panda.tokens import VO, Caller, TokenRejected

_API = "/api/v1/"
_OLD = "/server/panda/"
_CONTROL = "/_sandbox/"
_AUTH = re.compile(r"^/auth/(?P<vo>[\w.:-]+)_auth_config\.json$")
_TASK_PAGE = re.compile(r"^/task/(?P<id>\d+)/?$")
_OK = 200


@dataclass
class Application:
    """Answers requests; a fault that waits for one strikes it."""

    panda: Panda
    sign_in: SignIn
    faults: FaultBox
    journal: Journal
    controls: Controls
    stopping: threading.Event = field(default_factory=threading.Event)

    def handle(self, request: Request) -> Reply:
        """The reply to a request, which is then in the journal."""
        if request.path.startswith(_CONTROL):
            return Reply(self.controls.answer(request))
        page = self._page(request)
        if page is not None:
            return Reply(page)
        endpoint = request.path.removeprefix(_API).lstrip("/")
        entry = journals.begin(request.method, request.target, endpoint, request.body)
        caller, refusal = self._caller(request)
        entry.user = caller.user_name if caller else None
        entry.task_name = self._task_name(endpoint, request)
        reply = self._struck(entry, caller, lambda: self._right(request, caller, refusal))
        entry.status = reply.answer.status if reply.is_answered else None
        self.journal.write(entry)
        return reply

    def _struck(self, entry: Entry, caller: Caller | None, run: Callable[[], Answer]) -> Reply:
        """Run the request, with its fault before or after it."""
        fault = self.faults.take(entry.endpoint, entry.task_name)
        if fault is not None:
            entry.fault = f"{fault.kind}-{fault.when}"
            if fault.kind is FaultKind.SLOW and fault.when is When.BEFORE:
                self.stopping.wait(fault.seconds)
            elif fault.when is When.BEFORE:
                return faulty(fault, None, caller)
        right = run()
        entry.is_success, entry.answer_id = _outcome(entry.endpoint, right)
        if fault is None or fault.when is When.BEFORE:
            return Reply(right)
        if fault.kind is FaultKind.SLOW:
            self.stopping.wait(fault.seconds)
        return faulty(fault, right, caller)

    def _caller(self, request: Request) -> tuple[Caller | None, str | None]:
        """Who asks, or why the token is refused; neither where there is no token."""
        authorization = request.headers.get("authorization")
        if authorization is None:
            return None, None
        try:
            return self.sign_in.issuer.caller(authorization, request.headers.get("origin")), None
        except TokenRejected as error:
            return None, f"Token authentication failed. {error}"

    def _right(self, request: Request, caller: Caller | None, refusal: str | None) -> Answer:
        if request.path.startswith((_API, _OLD)):
            return self._method(request, caller, refusal)
        try:
            return self._beside_methods(request)
        except BadBody as error:
            return Answer.text(400, str(error))

    def _beside_methods(self, request: Request) -> Answer:
        """The issuer, and what was uploaded."""
        config = _AUTH.match(request.path)
        if config is not None and config["vo"].replace(":", ".").split(".")[0] == VO:
            return Answer.json(self.sign_in.issuer.auth_config(config["vo"]))
        if request.path == "/.well-known/openid-configuration":
            return self.sign_in.configuration()
        if request.method == "POST" and request.path == "/token":
            return self.sign_in.token(request.form)
        if request.method == "POST" and request.path == "/devicecode":
            return self.sign_in.device_code(request.form)
        kept = self.panda.cache.read(request.path.removeprefix("/cache/"))
        if request.path.startswith("/cache/") and kept is not None:
            return Answer(_OK, kept, "application/octet-stream")
        return Answer.text(404, "Not Found")

    def _method(self, request: Request, caller: Caller | None, refusal: str | None) -> Answer:
        endpoint = ENDPOINTS.get(request.path.removeprefix(_API))
        if endpoint is None:
            return Answer.text(403, f"method {request.path.rsplit('/', 1)[-1]} is forbidden")
        if refusal is not None:
            return Answer.text(403, refusal)
        try:
            parameters = request.parameters()
            return endpoint.call(self.panda, caller, request.method, parameters).answer()
        except (BadBody, BadCall) as error:
            return Answer.text(500, f"ERROR: {error}")

    def _page(self, request: Request) -> Answer | None:
        """The sandbox's monitor, which people look at."""
        if request.method != "GET":
            return None
        if request.path == "/":
            return Answer.text(200, pages.task_list(self.panda.state.all()), HTML)
        if request.path == "/device":
            is_let_in = self.sign_in.let_in(str(request.query.get("user_code", "")))
            return Answer.text(200 if is_let_in else 404, pages.device(is_let_in), HTML)
        found = _TASK_PAGE.match(request.path)
        if found is None:
            return None
        task = self.panda.state.get(int(found["id"]))
        if task is None:
            return Answer.text(404, pages.unknown(found["id"]), HTML)
        return Answer.text(200, pages.task(task), HTML)

    def _task_name(self, endpoint: str, request: Request) -> str | None:
        """Which task a request is about, as far as it says."""
        if endpoint not in ENDPOINTS:
            return None
        try:
            parameters = request.parameters()
            filters = json.loads(parameters.get("filters") or "{}")
        except (BadBody, ValueError, TypeError):
            return None
        submitted = parameters.get("task_parameters")
        if isinstance(submitted, dict):
            return _text(submitted.get("taskName"))
        if isinstance(filters, dict) and "taskName" in filters:
            return _text(filters["taskName"])
        task_id = str(parameters.get("task_id", ""))
        task = self.panda.state.get(int(task_id)) if task_id.isdecimal() else None
        return task.name if task else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _outcome(endpoint: str, answer: Answer) -> tuple[bool | None, int | None]:
    """Whether PanDA's method succeeded, and the id that a submission gave."""
    if answer.status != _OK or endpoint not in ENDPOINTS:
        return None, None
    envelope = json.loads(answer.body)
    is_submission = endpoint == "task/submit" and envelope["success"]
    return envelope["success"], envelope["data"] if is_submission else None
