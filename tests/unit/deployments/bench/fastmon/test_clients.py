"""The benches' byte-level listening: frames in any pieces, and what a client missed."""

import pytest

from api.http.frames import encode, heartbeat
from deployments.bench.fastmon.clients import Chunks, Frames, differences

BODY = b"".join(
    (
        encode("connected", '{"client_id": "1"}'),
        encode("stf_ready", '{"n": 1}', 41) + encode("tf_file_registered", '{"n": 2}', 42),
        heartbeat(),
        encode("tf_file_registered", '{"text": "id: 7"}', 43),
    )
)
EVENTS = [
    (41, b"stf_ready", b'{"n": 1}'),
    (42, b"tf_file_registered", b'{"n": 2}'),
    (43, b"tf_file_registered", b'{"text": "id: 7"}'),
]


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def chunked(data: bytes, size: int) -> bytes:
    """As HTTP's chunked encoding wraps it, and a proxy that cuts it anywhere."""
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces(data, size))


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_frames_with_an_id_are_found_in_pieces_of_any_size(size: int):
    frames = Frames()
    assert [event for piece in pieces(BODY, size) for event in frames.feed(piece)] == EVENTS


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("chunk", [1, 5, 23, 300])
def test_a_body_is_whole_however_it_is_cut_into_chunks_and_these_into_pieces(chunk: int, size: int):
    chunks = Chunks()
    wrapped = chunked(BODY, chunk) + b"0\r\n\r\n"
    assert b"".join(chunks.feed(piece) for piece in pieces(wrapped, size)) == BODY


def test_nothing_differs_for_a_client_that_got_all():
    assert set(differences([3, 5, 6, 8], 4, {5, 6, 8}).values()) == {0}


def test_what_is_lost_doubled_disordered_or_unknown_is_counted():
    found = differences([5, 7, 6, 6, 9], 4, {5, 6, 7, 8})

    assert found == {"lost": 1, "doubled": 1, "disordered": 1, "unknown": 1}
