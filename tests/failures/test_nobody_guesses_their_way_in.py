"""Credential stuffing, guessing, and asking which accounts there are (R28)."""

import asyncio
import re
import statistics
import time
from datetime import timedelta

import pytest
from argon2 import extract_parameters

from proxy.access.accounts.faults import (
    SignInRefusedError,
    TooManyAttemptsError,
    WrongPasswordError,
)
from proxy.access.accounts.hashing import AT_ONCE, LONGEST_QUEUE, BusyError
from proxy.access.trace.acts import Act
from tests.fakes.evidence import until
from tests.fakes.named_people import ADMINISTRATOR, HERE, PASSWORD

WRONG = "not-the-password-of-anybody"


def elsewhere(number):
    """Somebody with as many addresses as they like."""
    return f"198.51.100.{number % 250}"


async def refused(sign_in, code, password=WRONG, source=HERE):
    with pytest.raises(SignInRefusedError) as caught:
        await sign_in.begin(code, password, source)
    return caught.value.problem()


@pytest.fixture
def sign_in(clinic):
    return clinic.access.sign_in


async def guess(sign_in, code, times):
    for number in range(times):
        await refused(sign_in, code, source=elsewhere(number))


async def test_stuffing_many_codes_from_one_place_is_slowed(clinic, sign_in):
    await clinic.join("tr-1")
    for number in range(20):
        await refused(sign_in, f"tr-{number + 100}")

    with pytest.raises(TooManyAttemptsError):
        await sign_in.begin("tr-1", PASSWORD, HERE)
    with pytest.raises(TooManyAttemptsError):
        await sign_in.recover("tr-1", PASSWORD, "x", HERE)
    assert await sign_in.begin("tr-1", PASSWORD, elsewhere(1))


async def test_a_whole_call_centre_signs_in_from_one_address(clinic, sign_in):
    """At the same moment; only what fails counts."""
    member = await clinic.join("tr-1")
    first, *more = member.recovery_codes
    for _ in range(30):
        begun = await sign_in.begin("tr-1", PASSWORD, HERE)
    for code in more:
        assert await sign_in.recover("tr-1", PASSWORD, code, HERE)
    assert await sign_in.finish(begun, recovery=first, source=HERE)
    for _ in range(20):
        await refused(sign_in, "tr-2")


async def test_stuffing_all_at_once_is_slowed_as_much(clinic, sign_in):
    answers = await asyncio.gather(
        *(sign_in.begin(f"tr-{number}", WRONG, HERE) for number in range(60)),
        return_exceptions=True,
    )

    heard = [each for each in answers if isinstance(each, SignInRefusedError)]
    slowed = [each for each in answers if isinstance(each, TooManyAttemptsError)]
    assert (len(heard), len(slowed)) == (20, 40)
    assert clinic.hasher.computed == 20


async def test_a_hundred_guesses_at_once_are_as_many_as_five(clinic, sign_in):
    """From a hundred places: the account counts, and counts before it looks."""
    await clinic.join("tr-1")
    words = [WRONG] * 50
    words[40] = PASSWORD

    answers = await asyncio.gather(
        *(
            sign_in.begin("tr-1", word, elsewhere(place))
            for place, word in enumerate(words)
        ),
        return_exceptions=True,
    )

    assert all(
        isinstance(answer, SignInRefusedError)
        for answer, word in zip(answers, words, strict=True)
        if word == WRONG
    )
    assert await clinic.value("SELECT failures FROM sign_in_attempts") <= 5


async def test_after_five_wrong_ones_the_right_one_waits_a_minute(
    clinic, sign_in, clock
):
    await clinic.join("tr-1")
    await guess(sign_in, "tr-1", 5)

    await refused(sign_in, "tr-1", PASSWORD, elsewhere(9))
    clock.advance(seconds=59)
    await refused(sign_in, "tr-1", PASSWORD, elsewhere(9))
    clock.advance(seconds=1)
    assert await sign_in.begin("tr-1", PASSWORD, elsewhere(9))


async def test_after_ten_wrong_ones_it_waits_longer_each_time(clinic, sign_in, clock):
    await clinic.join("tr-1")
    for number in range(10):
        await refused(sign_in, "tr-1", source=elsewhere(number))
        clock.advance(minutes=1)
    clock.advance(minutes=13, seconds=59)
    await refused(sign_in, "tr-1", PASSWORD, elsewhere(11))
    clock.advance(seconds=1)
    await refused(sign_in, "tr-1", WRONG, elsewhere(12))
    clock.advance(minutes=29, seconds=59)
    await refused(sign_in, "tr-1", PASSWORD, elsewhere(13))
    clock.advance(seconds=1)
    assert await sign_in.begin("tr-1", PASSWORD, elsewhere(14))


async def test_signing_in_is_forgotten_failures(clinic, sign_in):
    member = await clinic.join("tr-1")
    await guess(sign_in, "tr-1", 4)

    await clinic.sign_in(member)

    assert await clinic.count("sign_in_attempts") == 0


async def test_the_password_alone_does_not_make_failures_forgotten(clinic, sign_in):
    """Else whoever has it could try the six digits for ever."""
    await clinic.join("tr-1")
    for number in range(5):
        begun = await sign_in.begin("tr-1", PASSWORD, elsewhere(number))
        with pytest.raises(SignInRefusedError):
            await sign_in.finish(begun, totp="000000", source=elsewhere(number))

    await refused(sign_in, "tr-1", PASSWORD, elsewhere(9))
    assert await clinic.value("SELECT failures FROM sign_in_attempts") == 5


async def test_six_digits_are_not_guessed_under_one_password(clinic, sign_in):
    member = await clinic.join("tr-1")
    begun = await sign_in.begin("tr-1", PASSWORD, HERE)
    for number in range(5):
        with pytest.raises(SignInRefusedError):
            await sign_in.finish(begun, totp=f"{number:06}", source=HERE)

    with pytest.raises(SignInRefusedError):
        await sign_in.finish(begun, totp=member.digits(), source=HERE)


async def test_who_is_locked_out_by_anothers_guesses_gets_in_by_a_recovery_code(
    clinic, sign_in, clock
):
    member = await clinic.join("tr-1")
    for number in range(12):
        await refused(sign_in, "tr-1", source=elsewhere(number))
        clock.advance(minutes=1)
    await refused(sign_in, "tr-1", PASSWORD)

    made = await sign_in.recover("tr-1", PASSWORD, member.recovery_codes[0], HERE)

    assert (await clinic.identity.by_session(made.secret)).actor.code == "tr-1"
    clock.advance(minutes=1)
    assert await clinic.sign_in(member)


async def test_without_a_recovery_code_no_password_can_be_tried_beside_the_lock(
    clinic, sign_in
):
    member = await clinic.join("tr-1")
    compared = []
    clinic.hasher.on_verify = compared.append

    for recovery in ("", "AAAA-AAAA-AAAA-AAAA", member.recovery_codes[0][:-1]):
        with pytest.raises(SignInRefusedError):
            await sign_in.recover("tr-1", PASSWORD, recovery, HERE)
    with pytest.raises(SignInRefusedError):
        await sign_in.recover("tr-1", WRONG, member.recovery_codes[0], HERE)

    real = await clinic.value("SELECT password_hash FROM accounts")
    assert [stored == real for stored in compared] == [False, False, False, True]
    assert await clinic.count("recovery_codes") == 10


async def test_guesses_at_ones_own_old_password_count_too(clinic):
    member = await clinic.join("tr-1")
    own = await clinic.identity.by_session((await clinic.sign_in(member)).secret)
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            await clinic.access.own.change_password(own, WRONG, PASSWORD * 2)

    with pytest.raises(WrongPasswordError):
        await clinic.access.own.change_password(own, PASSWORD, PASSWORD * 2)


@pytest.fixture
async def everybody(clinic, clock):
    """Each kind of account that does not let in whoever asks."""
    await clinic.join("tr-known")
    await clinic.join("tr-gone")
    await clinic.access.accounts.end(ADMINISTRATOR, "tr-gone")
    await clinic.invite("tr-new")
    await clinic.join("tr-locked")
    for number in range(12):
        await refused(clinic.access.sign_in, "tr-locked", source=elsewhere(number))
        clock.advance(minutes=1)
    clinic.hasher.computed = 0
    return (
        ("tr-known", WRONG),
        ("tr-gone", PASSWORD),
        ("tr-new", PASSWORD),
        ("tr-locked", PASSWORD),
        ("tr-nobody", PASSWORD),
        ("admin-1", PASSWORD),
        ("Léa Martin", PASSWORD),
        ("tr-known\x00", PASSWORD),
        ("tr-known\ud800", PASSWORD),
        ("x" * 100_000, PASSWORD),
        ("", ""),
        ("tr-known", "\x00"),
        ("tr-known", "x" * 100_000),
    )


async def test_what_is_wrong_is_not_told(sign_in, everybody):
    told = [
        await refused(sign_in, code, password, elsewhere(100 + place))
        for place, (code, password) in enumerate(everybody)
    ]

    assert [each for each in told if each != told[0]] == []
    assert told[0]["status"] == 401
    assert "detail" not in told[0]


async def test_whatever_is_wrong_costs_one_hash_one_count_and_one_line(
    clinic, sign_in, everybody
):
    """What there is to measure is the same; a busy machine's clock is not asked."""
    for place, (code, password) in enumerate(everybody):
        lines = await clinic.count("access_entries")
        clinic.hasher.computed = 0
        compared = []
        clinic.hasher.on_verify = compared.append

        await refused(sign_in, code, password, elsewhere(100 + place))

        assert clinic.hasher.computed == 1, code
        [stored] = compared
        assert extract_parameters(stored) == clinic.hasher._parameters, code
        assert await clinic.count("access_entries") == lines + 1, code
        is_counted = await clinic.value(
            "SELECT count(*) FROM sign_in_attempts WHERE name = $1",
            clinic.access.accounts._name_agent(f"sign-in\0{counted_as(code)}"),
        )
        assert is_counted == 1, code


def counted_as(code):
    """All that cannot be a code is counted as one."""
    return code if re.fullmatch(r"[a-z0-9-]{1,32}", code) else ""


async def test_the_database_is_asked_the_same_whether_there_is_an_account_or_not(
    clinic, sign_in
):
    await clinic.join("tr-known")
    await refused(sign_in, "tr-first")  # the driver asks for types, once

    asked = {}
    for code in ("tr-known", "tr-nobody"):
        with clinic.listening() as statements:
            await refused(sign_in, code)
        asked[code] = statements

    assert asked["tr-known"] == asked["tr-nobody"]
    assert len(asked["tr-known"]) > 3


async def test_a_known_and_an_unknown_code_take_as_long(clinic, sign_in):
    """Generously: by medians of many, and a quarter of the whole."""
    await clinic.join("tr-known")
    spent = {"tr-known": [], "tr-nobody": []}
    for number in range(60):
        for code, times in spent.items():
            began = time.perf_counter()
            await refused(sign_in, code, source=elsewhere(number))
            times.append(time.perf_counter() - began)
            clinic.clock.advance(hours=9)

    known, unknown = map(statistics.median, spent.values())
    assert abs(known - unknown) < max(known, unknown) / 2


async def test_the_trace_names_no_code_that_nobody_has(clinic, sign_in):
    await clinic.join("tr-1")
    for code in ("tr-1", "jean-dupont", "Ma place de parking 42"):
        await refused(sign_in, code)

    assert await clinic.traced(Act.SIGN_IN_FAILED) == ["tr-1", "", ""]


async def test_the_trace_names_the_account_that_is_guessed_at_also_while_it_is_locked(
    clinic, sign_in
):
    await clinic.join("tr-1")
    await guess(sign_in, "tr-1", 8)

    assert await clinic.traced(Act.SIGN_IN_FAILED) == ["tr-1"] * 8


async def test_what_was_too_much_for_the_machine_is_nobodys_failure(clinic, sign_in):
    member = await clinic.join("tr-1")
    clinic.hasher.hold()
    waiting = [
        asyncio.create_task(clinic.hashing.verify(None, WRONG))
        for _ in range(LONGEST_QUEUE)
    ]
    try:
        await until(lambda: clinic.hasher.at_once == AT_ONCE)
        for _ in range(30):
            with pytest.raises(BusyError):
                await sign_in.begin("tr-1", PASSWORD, HERE)
    finally:
        clinic.hasher.release()
    await asyncio.gather(*waiting)

    assert await clinic.value("SELECT failures FROM sign_in_attempts") == 0
    assert await clinic.sign_in(member)


async def test_two_passwords_are_hashed_at_once_and_a_crowd_is_sent_away(clinic):
    hashing = clinic.hashing
    clinic.hasher.hold()
    try:
        waiting = [
            asyncio.create_task(hashing.verify(None, WRONG))
            for _ in range(LONGEST_QUEUE)
        ]
        await until(lambda: clinic.hasher.at_once == AT_ONCE)
        with pytest.raises(BusyError):
            await hashing.verify(None, WRONG)
    finally:
        clinic.hasher.release()
    assert await asyncio.gather(*waiting) == [False] * LONGEST_QUEUE
    assert clinic.hasher.most_at_once == AT_ONCE


async def test_a_lock_ends_within_a_day_whatever_was_guessed(clinic, sign_in, clock):
    member = await clinic.join("tr-1")
    for number in range(30):
        await refused(sign_in, "tr-1", source=elsewhere(number))
        clock.advance(hours=9)
    clock.advance(hours=8)

    began = clock()
    assert await clinic.sign_in(member)
    assert clock() - began < timedelta(minutes=2)
