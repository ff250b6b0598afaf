"""Errors that parts logged are told with the last call of ours."""

from __future__ import annotations

from deployments.bench.abuse.crashes import errors_in

LOG = """\
INFO: started
ERROR: Exception in ASGI application
Traceback (most recent call last):
  File "/x/site-packages/uvicorn/protocols.py", line 1, in run
    result = await app()
  File "/x/api/messages/routes.py", line 97, in send_message
    message = schemas.parse(body)
  File "/x/flows/fastmon/schemas.py", line 124, in parse
    form = StfReady
TypeError: unhashable type: 'dict'
INFO: more
"""


def test_an_error_is_told_with_the_last_call_of_ours():
    assert (
        list(errors_in(LOG * 2))
        == ["TypeError: unhashable type: 'dict' (flows/fastmon/schemas.py:124)"] * 2
    )


def test_a_log_without_errors_has_none():
    assert list(errors_in("INFO: started\n")) == []
