"""People whose passkeys lie in a browser's authenticator, at a clinic of a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from proxy.access.accounts.sessions import NewSession, Session
from proxy.access.surroundings import AccessConfig
from proxy.access.trace.acts import Act, Entry
from tests.fakes.authenticator import Authenticator, authenticator, empty_page
from tests.fakes.browser import chromium
from tests.fakes.named_people import HERE, Clinic, Member, running_clinic


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    async with empty_page() as origin:
        yield origin


@pytest.fixture
async def clinic(dsn: str, tmp_path: Path, clock, origin: str) -> AsyncIterator[Clinic]:
    config = AccessConfig(public_url=origin)
    async with running_clinic(dsn, tmp_path, clock, config) as clinic:
        yield clinic


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def device(browser: Browser, origin: str) -> AsyncIterator[Authenticator]:
    async with authenticator(browser, origin) as device:
        yield device


async def session_of(clinic: Clinic, member: Member) -> Session:
    made = await clinic.sign_in(member)
    return await clinic.access.sessions.find(made.secret)


async def register(clinic: Clinic, member: Member, device: Authenticator) -> Session:
    """A passkey in the device, for the account; by somebody who is signed in."""
    session = await session_of(clinic, member)
    options = await clinic.access.passkeys.begin_registration(session)
    answer = await device.create(options)
    await clinic.access.passkeys.finish_registration(session, answer)
    return session


async def halfway(clinic: Clinic, member: Member) -> str:
    return await clinic.access.sign_in.begin(member.code, member.password, HERE)


async def sign_in_alone(
    clinic: Clinic, device: Authenticator, **changes: object
) -> NewSession:
    begun = await clinic.access.passkeys.begin_alone()
    answer = await device.get(begun.options, **changes)
    return await clinic.access.passkeys.alone(begun.secret, answer, HERE)


async def traced(clinic: Clinic, act: Act) -> list[tuple[str, str]]:
    """Who did this, and about what, as the trace has it."""
    async with clinic.database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM access_entries ORDER BY seq")
    entries = [Entry.read(row["body"].encode())[1] for row in rows]
    return [(entry.actor, entry.about) for entry in entries if entry.act is act]
