"""One trace over the bus: a peer's command, the request, its run, and what the topic gets of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from blocks import tracing
from flows.common import claiming, claims, run
from flows.common import flow as flows
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request
from flows.common.run import Ending
from flows.common.settings import settings
from flows.housekeeping.actions import CHECK_PIPELINE
from flows.provenance import messages
from tests.broker_peer import Peer
from tests.e2e.deployments.bridge.running import Bridge, end
from tests.trace_receiver import Receiver, Span, trace_receiver
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

TRACE, ASKED_BY = "7" * 32, "b" * 16
PROGRESS = {"action": "check_pipeline", "done": 1, "total": 1, "text": "x"}


@pytest.fixture
def receiver(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The bridge's process, and this one, which is the run's, export their spans."""
    monkeypatch.setenv("PRODOPS_DATABASE_URL", str(bridge.database.ops_url))
    monkeypatch.setenv("PRODOPS_DATABASE_PASSFILE", str(bridge.database.ops_passfile))
    settings.cache_clear()
    with trace_receiver() as found:
        bridge.given["PRODOPS_TRACES_URL"] = found.url
        tracing.start("prodops-run", url=found.url, ratio=1.0)
        yield found
        tracing.stop()
    settings.cache_clear()


@flows.flow(CHECK_PIPELINE)
def check_and_announce(_: Any) -> None:
    present = run.current()

    def finished(_session: Any, announce: run.Announce) -> Ending:
        announce(
            messages.announcement(messages.ProvenanceProgress, present.claim, None, **PROGRESS)
        )
        return Ending(result={})

    present.finish(finished)


def claimed(bridge: Bridge) -> Request | None:
    with transaction(bridge.database.ops_engine) as session:
        found = claiming.claim(session, worker="w", limit=1, lease_seconds=60)
        return found[0] if found else None


def test_one_trace_leads_from_a_command_of_a_peer_to_the_message_that_answers_it(
    bridge: Bridge, receiver: Receiver
) -> None:
    process = bridge.connected()
    with Peer(bridge.broker) as peer:
        peer.subscribe(bridge.topic)
        asked = f"00-{TRACE}-{ASKED_BY}-01"
        peer.publish(bridge.queue, {"msg_type": "check_pipeline"}, traceparent=asked)
        request = wait_until(lambda: claimed(bridge))
        claims.hold(Claim(request.id, request.attempts))
        try:
            check_and_announce.fn()
        finally:
            claims.hold(None)
        answer = peer.receive()
    tracing.stop(5)
    end(process)  # what waits is sent at its end

    assert answer.message["trace_id"] == TRACE
    _, trace, sent_by, _ = answer.headers["traceparent"].split("-")
    assert trace == TRACE
    spans = [each for each in receiver.spans if each.trace_id == TRACE]
    received, ran = named(spans, f"receive {bridge.queue}"), named(spans, "check_pipeline")
    assert (received.service, received.parent_id) == ("prodops-bridge", ASKED_BY)
    assert (ran.service, ran.parent_id) == ("prodops-run", received.span_id)
    sent = named(spans, f"send {bridge.topic}")
    assert (sent.service, sent.span_id) == ("prodops-bridge", sent_by)


def named(spans: list[Span], name: str) -> Span:
    [found] = [each for each in spans if each.name == name]
    return found
