"""A note, and the checkpoint in it, is to the last byte what was signed, or refused."""

import string
from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import NoteError
from proxy.ledger.checkpoint import Checkpoint, open_checkpoint
from proxy.ledger.note import (
    MAX_NOTE_SIZE,
    Cosigner,
    KeyKind,
    Note,
    SignatureLine,
    Signer,
    VerifierKey,
    decode_base64,
    decode_decimal,
    open_note,
)
from proxy.ledger.tree import EMPTY_ROOT

ORIGIN = "ledger.example.org/clinic"
LOG = Signer(ORIGIN, b"l" * 32)
WITNESS = Cosigner("witness.example.org/council", b"w" * 32)
STRANGER = Signer("stranger.example.org", b"s" * 32)
CHECKPOINT = Checkpoint(ORIGIN, 42, bytes(range(32)))
ROOT = b64encode(CHECKPOINT.root).decode()

plain = st.characters(min_codepoint=0x20, exclude_categories=["Cs"])
texts = st.lists(st.text(plain, max_size=20), min_size=1, max_size=5).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)
origins = st.text(plain, min_size=1, max_size=60).filter(
    lambda origin: len(origin.encode()) <= 255
)
checkpoints = st.builds(
    Checkpoint,
    origins,
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)


def cosigned(time: int = 1_790_000_000) -> Note:
    """The checkpoint as it is published: signed by the log, cosigned by a witness."""
    note = CHECKPOINT.signed_by(LOG)
    return Note(note.text, (*note.signatures, WITNESS.cosign(note.text, time)))


@given(texts)
def test_a_signed_text_comes_back_as_it_was_signed(text):
    note = Note(text, (STRANGER.sign(text), LOG.sign(text)))

    opened = open_note(note.encode(), [LOG.key])

    assert opened.text == text
    assert [one.key for one in opened.verified] == [LOG.key]
    assert Note.parse(note.encode()) == note


@given(texts, st.integers(0, 2**63 - 1))
def test_a_witness_vouches_for_its_own_time_only(text, time):
    line = WITNESS.cosign(text, time)
    note = Note(text, (line,))
    other_time = (time ^ 1).to_bytes(8) + line.signature[8:]

    [verified] = open_note(note.encode(), [WITNESS.key]).verified

    assert verified.time == time
    with pytest.raises(NoteError, match="does not hold"):
        WITNESS.key.verify(text, other_time)


@given(st.data(), st.integers(1, 255))
def test_no_byte_of_a_signed_note_can_be_changed(data, change):
    raw_note = bytearray(cosigned().encode())
    at = data.draw(st.integers(0, len(raw_note) - 1))
    raw_note[at] ^= change

    try:
        opened = open_checkpoint(bytes(raw_note), LOG.key, [WITNESS.key])
    except NoteError:
        return

    # Only the witness's name or key id became a stranger's: its word is lost, no more.
    assert opened.checkpoint == CHECKPOINT
    assert opened.cosignatures == ()


@given(st.binary(max_size=300))
@example(b"\n\n\n")
@example(b"a\n\n\xe2\x80\x94 \n")
def test_arbitrary_bytes_never_break_the_reader(raw_note):
    with pytest.raises(NoteError):
        open_note(raw_note, [LOG.key])


@pytest.mark.parametrize(
    "text",
    ["", "no newline", "a\r\n", "a\tb\n", "\x00\n", "a\x1fb\n", "\ud800\n"],
)
def test_a_text_with_control_characters_or_no_end_is_no_note(text):
    with pytest.raises(NoteError):
        Note(text, cosigned().signatures)


@pytest.mark.parametrize(
    "text", ["\n", "a\n\n", "\n\na\n", "a\x7f\u2028b\x85\n", "— x y\n"]
)
def test_a_text_may_hold_what_looks_like_an_end(text):
    note = Note(text, (LOG.sign(text),))

    assert open_note(note.encode(), [LOG.key]).text == text


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a+b", "a\u00a0b", "a\u2003", "a\u3000b", "a\u2028b", "a\nb", "\ud800"],
)
def test_a_key_name_has_neither_spaces_nor_a_plus(name):
    with pytest.raises(NoteError):
        Signer(name, b"k" * 32)


@pytest.mark.parametrize(
    "line",
    [
        "— name",
        "— name AAAAAAA= more",
        "—  AAAAAAA=",
        "— name  AAAAAAA=",
        "- name AAAAAAA=",
        "—name AAAAAAA=",
        "— name AAAA",
        "— name AAAAAA==",
        "— name AAAAAAB=",
        "— name AAAAAAA",
        "— name AAAA_AA=",
        "— name ÀAAAAAA=",
        "— na\u2003me AAAAAAA=",
        "— na+me AAAAAAA=",
        "",
    ],
)
def test_a_line_that_is_not_well_formed_condemns_the_note(line):
    raw_note = (
        f"{CHECKPOINT.text}\n{line}\n".encode()
        + LOG.sign(CHECKPOINT.text).encode().encode()
    )

    with pytest.raises(NoteError):
        open_note(raw_note, [LOG.key])


def test_lines_of_unknown_keys_are_ignored_even_when_repeated():
    stranger = SignatureLine(ORIGIN, b"else", b"?")  # the log's name, another key
    lookalike = SignatureLine("else", LOG.key.key_id, b"?")  # another name, its key id
    strangers = (stranger.encode() + lookalike.encode()) * 2
    raw_note = cosigned().encode() + strangers.encode()

    opened = open_checkpoint(raw_note, LOG.key, [WITNESS.key])

    assert opened.checkpoint == CHECKPOINT
    assert [one.key for one in opened.cosignatures] == [WITNESS.key]


@pytest.mark.parametrize(
    "second", [LOG.sign(CHECKPOINT.text), WITNESS.cosign(CHECKPOINT.text, 1)]
)
def test_a_known_key_signs_once(second):
    note = cosigned()

    with pytest.raises(NoteError, match="twice"):
        open_checkpoint(
            note.encode() + second.encode().encode(), LOG.key, [WITNESS.key]
        )
    with pytest.raises(NoteError, match="twice"):
        Note(note.text, (*note.signatures, second)).encode()


@pytest.mark.parametrize("signer", [LOG, WITNESS])
@pytest.mark.parametrize("signature", [b"?", bytes(64), bytes(72), b"\xff" * 72])
def test_a_false_signature_of_a_known_key_condemns_the_note(signer, signature):
    others = [line for line in cosigned().signatures if line.name != signer.key.name]
    false = SignatureLine(signer.key.name, signer.key.key_id, signature)
    raw_note = Note(CHECKPOINT.text, (*others, false)).encode()

    with pytest.raises(NoteError, match=signer.key.name):
        open_checkpoint(raw_note, LOG.key, [WITNESS.key])


def test_a_witness_alone_does_not_make_a_checkpoint():
    text = CHECKPOINT.text
    raw_note = Note(text, (WITNESS.cosign(text, 1), STRANGER.sign(text))).encode()

    with pytest.raises(NoteError, match="did not sign"):
        open_checkpoint(
            raw_note,
            LOG.key,
            [
                WITNESS.key,
            ],
        )


def test_a_log_vouches_for_its_own_origin_only():
    text = Checkpoint("ledger.example.org/other", 42, CHECKPOINT.root).text
    raw_note = Note(text, (LOG.sign(text),)).encode()

    with pytest.raises(NoteError, match="not one of"):
        open_checkpoint(raw_note, LOG.key)
    with pytest.raises(ValueError, match="does not sign for"):
        CHECKPOINT.signed_by(STRANGER)


def test_a_key_is_used_for_what_it_is_for():
    raw_note = cosigned().encode()

    with pytest.raises(ValueError, match="no log's key"):
        open_checkpoint(raw_note, WITNESS.key)
    with pytest.raises(ValueError, match="cosignatures"):
        open_checkpoint(raw_note, LOG.key, [STRANGER.key])


def test_a_log_signature_is_no_cosignature_of_the_same_key():
    both = VerifierKey(ORIGIN, KeyKind.WITNESS, LOG.key.public_key)

    opened = open_checkpoint(cosigned().encode(), LOG.key, [both])

    assert opened.cosignatures == ()


def test_two_keys_with_one_key_id_are_never_both_trusted(monkeypatch):
    monkeypatch.setattr(VerifierKey, "key_id", b"same")
    other = VerifierKey(ORIGIN, KeyKind.LOG, b"o" * 32)

    with pytest.raises(ValueError, match="same key id"):
        open_note(cosigned().encode(), [LOG.key, other])


@pytest.mark.parametrize("time", [-1, 2**63])
def test_a_cosignature_holds_no_impossible_time(time):
    with pytest.raises(ValueError, match="not a time"):
        WITNESS.cosign(CHECKPOINT.text, time)


def test_a_cosignature_of_the_far_future_is_refused():
    text = CHECKPOINT.text
    late = (2**63).to_bytes(8) + WITNESS.cosign(text, 1).signature[8:]

    with pytest.raises(NoteError, match="out of range"):
        WITNESS.key.verify(text, late)


def test_a_key_has_its_size():
    with pytest.raises(NoteError):
        VerifierKey("name", KeyKind.LOG, bytes(31))
    with pytest.raises(ValueError, match="32"):
        Signer("name", bytes(31))


def test_a_private_key_is_not_shown():
    assert "llll" not in f"{LOG!r} {vars(LOG)!r}"


def test_a_note_has_bounds():
    line = LOG.sign(CHECKPOINT.text)

    with pytest.raises(NoteError, match="at most"):
        Note.parse(bytes(MAX_NOTE_SIZE + 1))
    for count in (0, 101):
        with pytest.raises(NoteError, match="1 to 100"):
            Note(CHECKPOINT.text, (line,) * count)


def test_sixteen_signatures_are_always_read():
    """The specification: a reader accepts at least as many."""
    witnesses = [Cosigner(f"w{number}", bytes([number] * 32)) for number in range(99)]
    text = CHECKPOINT.text
    lines = (LOG.sign(text), *(one.cosign(text, 7) for one in witnesses))

    opened = open_checkpoint(
        Note(text, lines).encode(), LOG.key, [one.key for one in witnesses]
    )

    assert len(opened.cosignatures) == 99


@given(checkpoints)
def test_a_checkpoint_is_read_back(checkpoint):
    assert Checkpoint.parse(checkpoint.text) == checkpoint
    assert checkpoint.text.count("\n") == 3


@given(checkpoints, st.data())
def test_a_checkpoint_has_one_spelling(checkpoint, data):
    text = checkpoint.text
    at = data.draw(st.integers(0, len(text)))
    gone = data.draw(st.integers(0, 2))
    new = data.draw(st.text(st.sampled_from(string.printable), max_size=2))
    changed = text[:at] + new + text[at + gone :]

    try:
        read = Checkpoint.parse(changed)
    except NoteError:
        return

    assert read.text == changed


@pytest.mark.parametrize(
    "text",
    [
        f"\n42\n{ROOT}\n",
        f"{ORIGIN}\n042\n{ROOT}\n",
        f"{ORIGIN}\n+42\n{ROOT}\n",
        f"{ORIGIN}\n-42\n{ROOT}\n",
        f"{ORIGIN}\n 42\n{ROOT}\n",
        f"{ORIGIN}\n4_2\n{ROOT}\n",
        f"{ORIGIN}\n٤٢\n{ROOT}\n",
        f"{ORIGIN}\n0x2a\n{ROOT}\n",
        f"{ORIGIN}\n\n{ROOT}\n",
        f"{ORIGIN}\n{2**63}\n{ROOT}\n",
        f"{ORIGIN}\n{'9' * 5000}\n{ROOT}\n",
        f"{ORIGIN}\n0\n{ROOT}\n",
        f"{ORIGIN}\n42\n{ROOT}",
        f"{ORIGIN}\n42\n{ROOT}\n\n",
        f"{ORIGIN}\n42\n{ROOT}\nextension\n",
        f"{ORIGIN}\n42\n{ROOT}\nextension",
        f"{ORIGIN}\r\n42\r\n{ROOT}\r\n",
        f"{ORIGIN}\n42\n{ROOT.rstrip('=')}\n",
        f"{ORIGIN}\n42\n{ROOT[:-2]}9=\n",
        f"{ORIGIN}\n42\n{ROOT} \n",
        f"{ORIGIN}\n42\n{b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n42\n{b64encode(bytes(33)).decode()}\n",
        f"{'o' * 256}\n42\n{ROOT}\n",
        f"{ORIGIN}\n42\n",
        "",
    ],
)
def test_a_checkpoint_in_any_other_spelling_is_refused(text):
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 42, bytes(32)),
        ("a\nb", 42, bytes(32)),
        ("a\tb", 42, bytes(32)),
        ("\ud800", 42, bytes(32)),
        (ORIGIN, -1, bytes(32)),
        (ORIGIN, 2**63, bytes(32)),
        (ORIGIN, 0, bytes(32)),
        (ORIGIN, 42, bytes(31)),
    ],
)
def test_a_checkpoint_nobody_could_read_cannot_be_made(origin, size, root):
    with pytest.raises(NoteError):
        Checkpoint(origin, size, root)


def test_the_empty_log_has_a_checkpoint():
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)

    assert Checkpoint.parse(empty.text) == empty


@given(st.text(max_size=8))
def test_base64_and_decimals_have_one_spelling(raw):
    for decode, encode in (
        (decode_base64, lambda data: b64encode(data).decode()),
        (decode_decimal, str),
    ):
        try:
            value = decode(raw)
        except NoteError:
            continue
        assert encode(value) == raw
