"""A receipt proves, offline, that one leaf is in the ledger, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import NoteError
from proxy.ledger.checkpoint import Checkpoint
from proxy.ledger.entry import Kind, encode
from proxy.ledger.note import Cosigner, Note, Signer
from proxy.ledger.receipt import Receipt
from proxy.ledger.tree import inclusion_proof, leaf_hash, reading, root_of

ORIGIN = "ledger.example.org/clinic"
LOG = Signer(ORIGIN, b"l" * 32)
COUNCIL = Cosigner("witness.example.org/council", b"c" * 32)
AUDITOR = Cosigner("witness.example.org/auditor", b"a" * 32)
WITNESSES = [COUNCIL.key, AUDITOR.key]
LEAVES = [encode(Kind.DELETED, {"draw": number}) for number in range(300)]

# C2SP tlog-proof, the example; its signatures are abridged there.
EXAMPLE = """\
c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog hI2DJw[...]1roloI=
— witness1.example mJirIklj[...]qY9v2B/5bg==
— witness2.example TnKKVHLX[...]xwYwrSjgow==
— witness3.example S4X82uH5[...]3oEcROGLFQ==
"""


def receipt(index: int, size: int, extra: bytes = b"") -> Receipt:
    hashes = [leaf_hash(leaf) for leaf in LEAVES[:size]]
    note = Checkpoint(ORIGIN, size, root_of(hashes)).signed_by(LOG)
    lines = [
        *note.signatures,
        COUNCIL.cosign(note.text, 1_790_000_000),
        AUDITOR.cosign(note.text, 1_790_000_007),
    ]
    proof = inclusion_proof(reading(hashes), index, size)
    raw_note = Note(note.text, tuple(lines)).encode()
    return Receipt(index, tuple(proof), raw_note, extra)


places = st.integers(1, len(LEAVES)).flatmap(
    lambda size: st.tuples(st.integers(0, size - 1), st.just(size))
)


def test_the_example_of_the_specification_is_read():
    example = Receipt.parse(EXAMPLE.encode())

    assert example.index == 73_894
    assert len(example.proof) == 5
    assert example.extra.startswith(b"age-v1.2.1-darwin-arm64.tar.gz")
    assert example.note.startswith(b"example.com/fancylog\n109482\n")
    assert example.encode() == EXAMPLE.encode()


@given(places, st.binary(max_size=40))
@settings(deadline=None)
def test_a_receipt_holds_for_its_leaf(place, extra):
    index, size = place

    read = Receipt.parse(receipt(index, size, extra).encode())
    opened = read.verify(LEAVES[index], LOG.key, WITNESSES)

    assert read == receipt(index, size, extra)
    assert opened.checkpoint.size == size
    assert [(one.key, one.time) for one in opened.cosignatures] == [
        (COUNCIL.key, 1_790_000_000),
        (AUDITOR.key, 1_790_000_007),
    ]


@given(places, st.integers(0, len(LEAVES) - 1))
@settings(deadline=None)
def test_a_receipt_does_not_hold_for_another_leaf(place, other):
    index, size = place
    mine = receipt(index, size)

    for leaf in [LEAVES[other]] * (other != index) + [LEAVES[index] + b" ", b""]:
        with pytest.raises(NoteError):
            mine.verify(leaf, LOG.key)


@given(places, st.data(), st.integers(1, 255))
@settings(deadline=None)
def test_no_byte_of_a_receipt_can_be_changed(place, data, change):
    index, size = place
    raw_receipt = bytearray(receipt(index, size).encode())
    at = data.draw(st.integers(0, len(raw_receipt) - 1))
    raw_receipt[at] ^= change

    try:
        opened = Receipt.parse(bytes(raw_receipt)).verify(
            LEAVES[index], LOG.key, WITNESSES
        )
    except NoteError:
        return

    # One witness's name or key id became a stranger's: one word less, no other change.
    assert len(opened.cosignatures) == 1


def test_a_receipt_of_another_log_does_not_hold():
    other = Signer("ledger.example.org/other", b"o" * 32)
    same_name = Signer(ORIGIN, b"o" * 32)

    for signer in (other, same_name):
        with pytest.raises(NoteError):
            receipt(3, 8).verify(LEAVES[3], signer.key, WITNESSES)


def test_the_only_leaf_needs_no_hashes():
    only = receipt(0, 1)

    assert only.encode().startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nledger")
    Receipt.parse(only.encode()).verify(LEAVES[0], LOG.key)


HASH = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ="


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 0",
        "wrong-header\nindex 0",
        "c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0",
        "c2sp.org/tlog-proof@v1\nextra \nindex 0",
        "c2sp.org/tlog-proof@v1\nextra YQ==",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra YQ==",
        "c2sp.org/tlog-proof@v1\nextra YQ==\nextra YQ==\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex notanumber",
        "c2sp.org/tlog-proof@v1\nindex -5",
        "c2sp.org/tlog-proof@v1\nindex 00",
        f"c2sp.org/tlog-proof@v1\nindex {2**63}",
        "c2sp.org/tlog-proof@v1\nindex",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH} ",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH}\r",
        "c2sp.org/tlog-proof@v1\r\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0\né",
    ],
)
def test_a_receipt_that_is_not_well_formed_is_refused(head):
    with pytest.raises(NoteError):
        Receipt.parse(head.encode() + b"\n\n" + receipt(0, 1).note)


@pytest.mark.parametrize(
    "raw_receipt", [b"", b"\xff\n\n", b"\n\n", b"c2sp.org/tlog-proof@v1\nindex 0\n"]
)
def test_what_is_no_receipt_is_refused(raw_receipt):
    with pytest.raises(NoteError):
        Receipt.parse(raw_receipt)


@pytest.mark.parametrize(
    ("index", "proof"), [(-1, ()), (2**63, ()), (0, (bytes(31),)), (0, (bytes(33),))]
)
def test_a_receipt_nobody_could_read_cannot_be_made(index, proof):
    with pytest.raises(NoteError):
        Receipt(index, proof, b"")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_after_the_header_never_break_the_reader(raw):
    try:
        read = Receipt.parse(b"c2sp.org/tlog-proof@v1\nindex 0\n" + raw)
    except NoteError:
        return

    with pytest.raises(NoteError):
        read.verify(LEAVES[0], LOG.key)
