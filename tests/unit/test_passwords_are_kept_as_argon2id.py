"""What is kept of a password: argon2id, at the cost RFC 9106 recommends (R28)."""

import asyncio

import pytest
from argon2 import Type, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from proxy.access.accounts.hashing import AT_ONCE, OF_2026, PasswordHashing

PASSWORD = "tisane-bleue-parapluie-42"


@pytest.fixture
def hashing():
    """As the service has it, at its full cost."""
    return PasswordHashing()


async def test_the_cost_is_the_second_one_the_rfc_recommends(hashing):
    kept = await hashing.hash(PASSWORD)

    parameters = extract_parameters(kept)
    assert parameters == RFC_9106_LOW_MEMORY
    assert parameters.type is Type.ID
    assert parameters.memory_cost == 64 * 1024
    assert not hashing.is_outdated(kept)


def test_all_hashing_together_takes_no_more_than_128_mib():
    assert AT_ONCE * OF_2026.memory_cost == 128 * 1024


async def test_one_password_is_kept_differently_each_time(hashing):
    first, second = await asyncio.gather(*(hashing.hash(PASSWORD) for _ in range(2)))

    assert first != second
    assert await hashing.verify(first, PASSWORD)
    assert not await hashing.verify(first, PASSWORD + "x")


async def test_where_there_is_no_password_a_hash_of_the_same_cost_is_compared(
    hashing,
):
    compared = extract_parameters(hashing._nobodys)

    assert compared == OF_2026._parameters
    for word in ("", PASSWORD):
        assert not await hashing.verify(None, word)


@pytest.mark.parametrize("kept", ["$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$!$!", "x"])
async def test_a_damaged_hash_is_nobodys_password(hashing, kept):
    assert not await hashing.verify(kept, PASSWORD)


async def test_argon2i_is_made_anew(hashing):
    older = "$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$" + "A" * 43

    assert hashing.is_outdated(older)
