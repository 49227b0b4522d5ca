"""A clinic whose people listen, and recordings that lie in it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from proxy.access.accounts.sessions import Session
from proxy.access.oversight import Oversight
from proxy.access.permissions import Actor, Role, ShownBy
from proxy.access.surroundings import AccessConfig
from proxy.access.trace.acts import Act, Entry
from proxy.access.watch.alerts import Alert, Decision
from tests.fakes.named_people import SITE, Clinic, running_clinic

DPO = Actor("d-1", Role.DPO, SITE, ShownBy.SESSION)
OTHER_DPO = Actor("d-2", Role.DPO, SITE, ShownBy.SESSION)
TRAINER = Actor("t-1", Role.TRAINER, SITE, ShownBy.SESSION)
AGENT = Actor("a-1", Role.AGENT, SITE, ShownBy.SESSION)
CAMPAIGN = "training-2026-11-02"
REASON = "A complaint of today names this call, and the hearing is at noon."


class Overseen:
    """What watches, and what there is to watch."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.database = clinic.database
        self.clock: Callable[[], datetime] = clinic.clock
        self.access = clinic.access

    @property
    def oversight(self) -> Oversight:
        return self.access.oversight

    async def recording(
        self, campaign: str = CAMPAIGN, agent: bytes | None = None
    ) -> UUID:
        """One more in the index; nobody hears it here."""
        recording_id = uuid4()
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO recordings (site_id, recording_id, decision_id, draw_seq,"
                " sealed_sha256, sealed_size, clear_size, media_type, seconds,"
                " channels, purpose, captured_at, expires_at, campaign, agent_key)"
                " VALUES ($1, $2, gen_random_uuid(), 1, '', 1, 1, 'audio/wav', 1, 1,"
                " 'training', $3::timestamptz, $3::timestamptz + interval '1 day', $4,"
                " $5)",
                SITE,
                recording_id,
                self.clock(),
                campaign,
                agent,
            )
        return recording_id

    async def play(self, item: UUID, actor: Actor = TRAINER) -> None:
        await self.note(Act.PLAY, actor, item)

    async def note(
        self, act: Act, actor: Actor, item: UUID | None = None, about: str = ""
    ) -> None:
        entry = Entry(act, actor.code, actor.role, item, about=about)
        await self.access.trace.note(entry)

    async def open_alerts(self) -> list[Alert]:
        return await self.oversight.alerts.list(are_open=True)

    async def decide(
        self, alert: Alert, decision: Decision, by: Actor = DPO, note: str = ""
    ) -> Alert:
        """On what was read of it."""
        return await self.oversight.alerts.decide(
            by, alert.alert_id, decision, note, last_seq=alert.last_seq
        )

    async def open_rules(self) -> list[tuple[str, str]]:
        return [(alert.actor, alert.rule.value) for alert in await self.open_alerts()]

    async def incidents(self) -> list[tuple[str, str]]:
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT kind, reference FROM incidents")
        return [(row["kind"], row["reference"]) for row in rows]

    async def ledger_notes(self) -> list[str]:
        ledger = self.access.oversight.anchoring.ledger
        found = [leaf async for _, leaf in ledger.entries()]
        return [str(leaf["text"]) for leaf in found if leaf["leaf"] == "NOTE"]

    def session(
        self, actor: Actor = TRAINER, factor_ago: timedelta = timedelta()
    ) -> Session:
        """As Identity gives it, so long after the second factor."""
        at = self.clock() - factor_ago
        return Session(actor, uuid4(), uuid4(), "csrf", at)


@asynccontextmanager
async def overseen_clinic(
    dsn: str, folder: Path, clock, *, has_break_glass: bool = True
) -> AsyncIterator[Overseen]:
    listed = {each.code: each.role for each in (DPO, OTHER_DPO)}
    config = AccessConfig(
        listed={"admin-1": Role.ADMINISTRATOR, **listed},
        has_break_glass=has_break_glass,
    )
    async with running_clinic(dsn, folder, clock, config) as clinic:
        yield Overseen(clinic)
