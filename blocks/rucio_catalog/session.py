"""rucio-clients' calls over requests of our own; for one thread.

From rucio-clients 41.5.1 come the routes and the bodies. Its own requests write tokens to /tmp,
repeat what fails up to four times, read a configuration file and can go without TLS verification.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from rucio.client.didclient import DIDClient
from rucio.client.replicaclient import ReplicaClient
from rucio.client.rseclient import RSEClient
from rucio.client.ruleclient import RuleClient
from rucio.common.constants import HTTPMethod

from blocks.rucio_catalog.access import RucioAccess
from blocks.rucio_catalog.answers import RucioAnswer
from blocks.rucio_catalog.connection import RucioConnection
from blocks.rucio_catalog.errors import RucioUnavailable
from blocks.rucio_catalog.tokens import Tokens


class RucioSession(DIDClient, ReplicaClient, RSEClient, RuleClient):  # type: ignore[misc]
    """Every call raises the errors of this block, as :meth:`RucioConnection.exchange` does."""

    def __init__(self, access: RucioAccess, tokens: Tokens) -> None:
        # BaseClient's would read rucio.cfg, ask for a token and change sys.argv.
        self._connection = RucioConnection(access, tokens)
        self.host = self._connection.origin
        self.list_hosts = [self.host]

    def version(self) -> str:
        """Rucio's own version, as its ping says; no identity is shown for it."""
        return self._connection.ping()

    def account(self, name: str) -> Iterator[Any]:
        """What Rucio keeps of an account, in one row."""
        url = f"{self.host}/accounts/{quote(name, safe='')}"
        return self._connection.exchange("GET", url).rows()

    def disconnect(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _send_request(  # noqa: PLR0917 - rucio-clients' signature
        self,
        url: str,
        method: HTTPMethod,
        headers: Mapping[str, str] | None = None,
        data: str | bytes | None = None,
        params: Mapping[str, Any] | None = None,
        stream: bool = False,  # noqa: FBT001, FBT002
        **_credentials: object,
    ) -> RucioAnswer:
        asked = self._connection.exchange
        answer = asked(method.value, url, headers, data=data, params=params)
        if method != HTTPMethod.GET and not stream:
            answer.read()
        return answer

    def _load_json_data(self, response: RucioAnswer) -> Iterator[Any]:
        return response.rows()

    def _get_exception(self, **_answer: object) -> tuple[type[Exception], str]:
        return RucioUnavailable, "Rucio answered with a success that is not the one expected"
