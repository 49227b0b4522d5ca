"""An entry holds codes, ids, closed words and counts; nothing else gets into it."""

import string
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.permissions import Permission, Role
from proxy.access.trace.acts import SERVICE, Act, Entry, NotOpaqueError
from proxy.ledger.entry import NotCanonicalError, canonical

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
CODES = st.from_regex(r"[a-z][a-z0-9_-]{0,7}", fullmatch=True)
WORDS = st.one_of(
    st.just(""), st.sampled_from([*Permission, *Act]).map(str), st.uuids().map(str)
)
COUNTS = st.one_of(st.none(), st.integers(0, 2**53 - 1))
ENTRIES = st.builds(
    Entry,
    st.sampled_from(Act),
    st.one_of(st.just(""), st.just(SERVICE), CODES),
    st.one_of(st.just(""), st.sampled_from(Role)),
    st.one_of(st.none(), st.uuids()),
    st.one_of(st.just(""), CODES),
    COUNTS,
    COUNTS,
    WORDS,
)
TIMES = st.integers(0, 2**41).map(
    lambda count: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=count)
)
SEPARATORS = st.sampled_from(["", " ", ".", "-", "_", ":", "/"])
FIELDS = pytest.mark.parametrize("field", ["actor", "role", "purpose", "about", "act"])


def entry_with(field: str, text: object) -> Entry:
    given_: dict[str, object] = {"act": Act.VIEWED, "actor": "d-1", "role": Role.DPO}
    return Entry(**{**given_, field: text})


@st.composite
def numbers(draw) -> str:
    """A telephone number, French or not, as people and machines write them."""
    begins = draw(st.sampled_from(["0", "+33", "0033", "33", "+1", "+442"]))
    rest = draw(st.text(string.digits, min_size=9, max_size=11))
    between = draw(SEPARATORS)
    return between.join([begins, *(rest[n : n + 2] for n in range(0, len(rest), 2))])


@FIELDS
@given(number=numbers())
def test_no_field_takes_a_telephone_number(field: str, number: str) -> None:
    with pytest.raises(NotOpaqueError):
        entry_with(field, number)


@FIELDS
@given(text=st.text(min_size=1).filter(lambda text: set(text) - set(WRITTEN)))
def test_no_field_takes_anything_written_as_names_and_sentences_are(
    field: str, text: str
) -> None:
    with pytest.raises(NotOpaqueError):
        entry_with(field, text)


WRITTEN = string.ascii_lowercase + string.digits + "_-:"


@FIELDS
@pytest.mark.parametrize(
    "text",
    [
        "Jean Dupont",
        "Dupont",
        "jean.dupont@example.test",
        "12 rue de la Paix",
        "à",
        "\n",
    ],
)
def test_examples_of_what_people_would_type_are_refused(field: str, text: str) -> None:
    with pytest.raises(NotOpaqueError):
        entry_with(field, text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first", -1),
        ("first", 2**53),
        ("last", True),
        ("last", 1.5),
        ("last", "0612345678"),
        ("item", "0612345678"),
        ("act", "cancelled"),
        ("role", "doctor"),
        ("about", "a" * 65),
        ("actor", "a" * 33),
    ],
)
def test_what_is_of_another_kind_is_refused(field: str, value: object) -> None:
    with pytest.raises(NotOpaqueError) as refused:
        entry_with(field, value)

    assert refused.value.field == field
    assert str(value) not in str(refused.value)


@given(entry=ENTRIES, at=TIMES)
def test_what_is_written_is_read_back(entry: Entry, at: datetime) -> None:
    assert Entry.read(entry.body(at)) == (at, entry)


@given(entry=ENTRIES)
def test_the_same_act_twice_has_two_hashes(entry: Entry) -> None:
    assert entry.body(NOW) != entry.body(NOW)


def test_a_campaign_and_a_uuid_are_ids() -> None:
    uuid = "12345678-1234-4234-8234-123456789012"

    assert entry_with("about", uuid).about == uuid
    assert entry_with("about", "training-2026-11-02").about
    assert entry_with("item", UUID(uuid)).item == UUID(uuid)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"act":"viewed"}',
        b'{"act":"viewed","actor":"d-1","at":"x","role":"dpo"}',
        b'{"act":"seen","actor":"d-1","at":1,"role":"dpo"}',
        b'{"act":"viewed","actor":"Jean","at":1,"role":"dpo"}',
        b'{"act":"viewed","actor":"d-1","at":1,"item":"x","role":"dpo"}',
        b'{"act":"viewed", "actor":"d-1","at":1,"role":"dpo"}',
        b"not json",
    ],
)
def test_what_is_no_entry_is_not_read_as_one(body: bytes) -> None:
    with pytest.raises((NotOpaqueError, NotCanonicalError)):
        Entry.read(body)


def test_an_entry_without_a_range_says_none() -> None:
    body = canonical({"act": "listed", "actor": "d-1", "at": 1, "role": "dpo"})

    assert Entry.read(body)[1] == Entry(Act.LISTED, "d-1", Role.DPO)
