"""What counts as somebody's telephone number, and that its key says nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.intake.numbers import number_outside, one_spelling
from proxy.platforms.base import CallStarted, Direction
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing

DIGITS = st.text("0123456789", min_size=8, max_size=15)


@pytest.mark.parametrize(
    "written",
    [
        *("+33612345678", " +33 6 12 34 56 78\n", "+33.6.12-34(56)78"),
        *("tel:+33612345678", "sip:+33612345678@pbx.example", "SIPS:+33612345678;x=1"),
    ],
)
def test_punctuation_and_addresses_around_it_do_not_matter(written):
    assert one_spelling(written) == "+33612345678"


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "+", "112", "3131", "1234567", "1" * 16, "anonymous", "client:bob"),
        *("sip:bob@10.11.12.13", "+33 6 12 x 34 56 78", "٠٦١٢٣٤٥٦٧٨", "++33612345678"),
        *("+266696687", "266696687", "+7378742833", "+7378742883", "+86282452253"),
    ],
)
def test_withheld_short_and_unreadable_numbers_are_nobodys(written):
    assert one_spelling(written) is None


@given(st.booleans(), DIGITS)
def test_one_spelling_is_its_own(is_international, digits):
    written = "+" * is_international + digits

    assert one_spelling(written) in (written, None)


@given(st.text())
def test_any_text_at_all_is_read_or_refused(text):
    found = one_spelling(text)

    assert found is None or found.removeprefix("+").isdecimal()


def test_the_person_is_the_one_who_is_not_the_site():
    def seen(direction):
        call = CallStarted(
            call_id="c",
            root_call_id="c",
            direction=direction,
            caller="+33612345678",
            callee="+33140000001",
            line="+33140000001",
        )
        return number_outside(call)

    assert seen(Direction.INBOUND) == "+33612345678"
    assert seen(Direction.OUTBOUND) == "+33140000001"


async def test_a_callers_name_is_the_sites_own_and_not_an_agents(tmp_path: Path):
    sites = ("nord", "sud", "nord")
    rings = [KeyRing(KeyDirectory(tmp_path / "keys", site)) for site in sites]
    for ring in rings:
        await ring.open()
        await ring.open_callers()
    number = "+33612345678"

    names = [ring.name_caller(number) for ring in rings]

    assert names[0] != names[1]
    assert names[0] == names[2]
    assert rings[0].name_agent(number) != names[0]
    assert (tmp_path / "keys" / "nord" / "callers.key").stat().st_mode & 0o077 == 0
