"""A clinic whose people sign in at a provider that a test leads."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from proxy.access.oidc.refusals import SingleSignOnRefusedError, Why
from proxy.access.oidc.sign_in import Arrived
from proxy.access.surroundings import AccessConfig
from proxy.access.trace.acts import Act, Entry
from tests.fakes.lying_provider import LyingProvider, lying_provider
from tests.fakes.named_people import Clinic, running_clinic

PATIENCE_SECONDS = 5
ORIGIN = "https://ecoute.example.org"
_PLACES = count()


@pytest.fixture
async def provider(clock) -> AsyncIterator[LyingProvider]:
    async with lying_provider(clock) as provider:
        yield provider


@pytest.fixture
async def clinic(
    dsn: str, tmp_path: Path, clock, provider: LyingProvider
) -> AsyncIterator[Clinic]:
    oidc = provider.config(timeout=timedelta(seconds=PATIENCE_SECONDS))
    config = AccessConfig(public_url=ORIGIN, oidc=oidc)
    async with running_clinic(dsn, tmp_path, clock, config) as clinic:
        yield clinic
        await clinic.access.oidc.close()


async def arrive(
    clinic: Clinic, provider: LyingProvider, source: str = "", **said: str
) -> Arrived:
    """There and back; from another place each time, unless a test says from where."""
    begun = await clinic.access.oidc.begin()
    query = provider.visit(begun.address) | said
    place = source or f"place {next(_PLACES)}"
    return await clinic.access.oidc.finish(begun.secret, query, place)


async def failures(clinic: Clinic) -> list[str]:
    """What the trace says of sign-ins that failed."""
    async with clinic.database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM access_entries ORDER BY seq")
    entries = [Entry.read(row["body"].encode())[1] for row in rows]
    return [entry.about for entry in entries if entry.act is Act.SIGN_IN_FAILED]


async def nobody_is_in(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    count = await connection.fetchval(
        "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM accounts)"
        " + (SELECT count(*) FROM oidc_subjects)"
        " + (SELECT count(*) FROM pending_sign_ins)"
    )
    await connection.close()
    return count == 0


async def refused_for(
    clinic: Clinic, provider: LyingProvider, dsn: str, **said: str
) -> Why:
    """Why somebody is refused; that nothing was made, and the trace has it."""
    with pytest.raises(SingleSignOnRefusedError) as fault:
        await arrive(clinic, provider, **said)
    why = fault.value.why
    assert (await failures(clinic))[-1] == why.value
    assert await nobody_is_in(dsn)
    return why
