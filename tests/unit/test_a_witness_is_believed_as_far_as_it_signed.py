"""What a witness answers is stored only if its key signed this text at this time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import NoteError
from proxy.ledger.checkpoint import Checkpoint, open_checkpoint
from proxy.ledger.note import Cosigner, Note, Signer, encode_base64
from proxy.ledger.tree import leaf_hash, root_of
from proxy.ledger.witnessing import (
    CLOCK_SLACK,
    SignedHead,
    add_checkpoint,
    cosignature_in,
    told_size,
    with_lines,
)

LOG = Signer("ponctuel.example/nord", b"l" * 32)
WITNESS = Cosigner("dpo.example/witness", b"w" * 32)
OTHER = Cosigner("cse.example/witness", b"o" * 32)
SIGNED_AT = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
NOW = SIGNED_AT + timedelta(hours=2)  # the first hours nobody answered
TIME = int(NOW.timestamp())
CHECKPOINT = Checkpoint(LOG.key.name, 2, root_of([leaf_hash(b"a"), leaf_hash(b"b")]))
HEAD = SignedHead(2, CHECKPOINT.signed_by(LOG).encode(), SIGNED_AT)


def believed(answer: bytes):
    return cosignature_in(answer, HEAD, WITNESS.key, NOW)


def line(cosigner=WITNESS, text=CHECKPOINT.text, time=TIME) -> bytes:
    return cosigner.cosign(text, time).encode().encode()


def test_a_request_is_spelled_as_the_specification_shows():
    proof = [bytes(range(32)), bytes(32)]

    assert add_checkpoint(1, proof, HEAD.note) == (
        b"old 1\n"
        b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
        b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        b"\n" + HEAD.note
    )
    assert add_checkpoint(0, [], HEAD.note) == b"old 0\n\n" + HEAD.note


def test_its_own_line_is_taken_and_those_of_others_are_not():
    cosignature = believed(line(OTHER) + line() + line(OTHER))

    assert cosignature.line.encode().encode() == line()
    assert cosignature.time == TIME


LIES = {
    "nothing": b"",
    "only another's": line(OTHER),
    "its own twice": line() + line(),
    "another text": line(text=CHECKPOINT.text.replace("\n2\n", "\n3\n")),
    "another time than signed": line().replace(
        encode_base64(WITNESS.key.key_id + TIME.to_bytes(8))[:16].encode(),
        encode_base64(WITNESS.key.key_id + (TIME + 1).to_bytes(8))[:16].encode(),
    ),
    "cut": line()[:-1],
    "no line": b"OK\n",
    "not UTF-8": b"\xff" + line(),
    "its name, another's key": line(Cosigner(WITNESS.key.name, b"x" * 32)),
    "a text that goes on": b"more\n\n" + line(text=f"{CHECKPOINT.text}\nmore\n"),
    "a hundred lines": line(OTHER) * 100 + line(),
}


@pytest.mark.parametrize("answer", LIES.values(), ids=LIES)
def test_whatever_else_it_answers_is_refused(answer):
    with pytest.raises(NoteError):
        believed(answer)


@given(st.binary(max_size=300))
@example(b"\n\n")
def test_no_garbage_does_more_than_be_refused(garbage):
    with pytest.raises(NoteError):
        believed(garbage)


@pytest.mark.parametrize(
    ("time", "is_believed"),
    [
        (SIGNED_AT - CLOCK_SLACK, True),
        (SIGNED_AT - CLOCK_SLACK - timedelta(seconds=1), False),
        (NOW + CLOCK_SLACK, True),
        (NOW + CLOCK_SLACK + timedelta(seconds=1), False),
        (datetime(1970, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_time_before_the_head_was_signed_or_still_to_come_is_refused(
    time, is_believed
):
    answer = line(time=int(time.timestamp()))

    if is_believed:
        assert believed(answer).time == time.timestamp()
    else:
        with pytest.raises(NoteError, match="clock"):
            believed(answer)


def test_the_size_it_tells_is_read_in_its_one_spelling():
    assert told_size(b"20852014\n") == 20852014
    for wrong in (
        b"",
        b"\n",
        b"-1\n",
        b"01\n",
        b"1\n\n",
        b"1 \n",
        b"\xff\n",
        b"9" * 20,
    ):
        with pytest.raises(NoteError):
            told_size(wrong)


def test_lines_kept_apart_are_a_note_again():
    note = with_lines(HEAD.note, [line().decode(), line(OTHER).decode()])

    opened = open_checkpoint(note, LOG.key, [WITNESS.key, OTHER.key])
    assert [one.key for one in opened.cosignatures] == [WITNESS.key, OTHER.key]
    assert with_lines(HEAD.note, []) == HEAD.note
    assert len(Note.parse(note).signatures) == 3
