"""A gateway that fails, or did it and says it failed: told, counted, never repeated.

The code is noted before it is sent: whichever message arrives, the newest code counts.
"""

from datetime import timedelta

import pytest

from proxy.errors import DatabaseUnavailableError
from proxy.rights import senders
from proxy.rights.faults import NotSentError, ProofRefusedError, TooManyCodesError
from proxy.rights.records import NewRequest
from proxy.rights.senders import SenderConfig
from retention.rights.deadlines import Kind
from retention.rights.request import State
from tests.fakes.desk import OFFICER
from tests.fakes.gateway import SECRET
from tests.fakes.persons import THEIRS, rights_of


@pytest.fixture
async def desk(house, gateway):
    rights = rights_of(house.site, sender=gateway.config)
    yield rights.desk
    await rights.close()


@pytest.fixture
async def hasty(house, gateway, monkeypatch):
    """The same, for what is to fail: a slow machine makes no difference to that."""
    with monkeypatch.context() as patched:
        patched.setattr(senders, "_PATIENCE", timedelta(seconds=2))
        rights = rights_of(house.site, sender=gateway.config)
    yield rights.desk
    await rights.close()


@pytest.fixture
async def request_id(desk):
    new = NewRequest(kind=Kind.ACCESS, number=THEIRS)
    return (await desk.receive(OFFICER, new)).request_id


async def codes(house):
    return await house.value("SELECT count(*) FROM request_codes")


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_gateway_that_refuses_is_told_and_another_code_can_be_sent(
    house, desk, gateway, request_id, status
):
    gateway.faults.add("status", method="POST", status=status)

    with pytest.raises(NotSentError) as failed:
        await desk.send_code(OFFICER, request_id)

    assert THEIRS not in str(failed.value)
    assert gateway.sent == []
    assert await codes(house) == 1
    await desk.send_code(OFFICER, request_id)
    assert (await desk.confirm_code(OFFICER, request_id, gateway.code)).code_at


async def test_a_code_that_was_sent_though_the_gateway_said_no_is_good(
    desk, hasty, gateway, request_id
):
    """Handed on, and the answer lost."""
    gateway.faults.add("lost-answer", method="POST")

    with pytest.raises(NotSentError):
        await hasty.send_code(OFFICER, request_id)

    assert len(gateway.sent) == 1
    assert (await desk.confirm_code(OFFICER, request_id, gateway.code)).code_at


async def test_after_a_lost_answer_the_second_code_makes_the_first_void(
    desk, hasty, gateway, request_id
):
    gateway.faults.add("lost-answer", method="POST")
    with pytest.raises(NotSentError):
        await hasty.send_code(OFFICER, request_id)
    first = gateway.code
    await desk.send_code(OFFICER, request_id)

    if gateway.code != first:  # all but once in a million times
        with pytest.raises(ProofRefusedError):
            await desk.confirm_code(OFFICER, request_id, first)
    assert (await desk.confirm_code(OFFICER, request_id, gateway.code)).code_at


async def test_what_failed_counts_or_a_broken_gateway_would_ring_all_night(
    desk, gateway, request_id
):
    for _ in range(3):
        gateway.faults.add("status", method="POST")
        with pytest.raises(NotSentError):
            await desk.send_code(OFFICER, request_id)

    with pytest.raises(TooManyCodesError):
        await desk.send_code(OFFICER, request_id)


async def test_a_gateway_that_points_elsewhere_is_not_followed(
    desk, gateway, request_id
):
    gateway.faults.add("redirect", method="POST", location=f"{gateway.address}/sms")

    with pytest.raises(NotSentError):
        await desk.send_code(OFFICER, request_id)

    assert gateway.sent == []


async def test_a_gateway_that_is_away_is_told(house, request_id):
    away = SenderConfig(
        url="http://127.0.0.1:9/sms",
        secret=SECRET,
        hosts=frozenset({"127.0.0.1:9"}),
        allow_private_addresses=True,
    )
    rights = rights_of(house.site, sender=away)

    with pytest.raises(NotSentError) as failed:
        await rights.desk.send_code(OFFICER, request_id)

    assert failed.value.fix
    await rights.close()


async def test_a_gateway_on_a_private_address_is_asked_only_where_that_is_allowed(
    house, gateway, request_id
):
    config = SenderConfig(
        url=gateway.config.url, secret=SECRET, hosts=gateway.config.hosts
    )
    rights = rights_of(house.site, sender=config)

    with pytest.raises(NotSentError):
        await rights.desk.send_code(OFFICER, request_id)

    assert gateway.sent == []
    await rights.close()


async def test_without_its_note_a_code_is_never_sent(
    house, desk, gateway, request_id, monkeypatch
):
    async def fails(*_given):
        raise DatabaseUnavailableError

    monkeypatch.setattr(desk.parts.trace, "note_in", fails)
    with pytest.raises(DatabaseUnavailableError):
        await desk.send_code(OFFICER, request_id)

    assert (gateway.sent, await codes(house)) == ([], 0)
    found = await desk.requests.find(request_id)
    assert found.standing.state is State.RECEIVED
