"""Things that must not happen, written down when they do. Opaque references only."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import uuid4

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection

QUERIES = queries_beside(__file__)


class Incident(StrEnum):
    """What kind of thing happened."""

    UNSOLICITED = "unsolicited-recording"
    SOURCE_FAILS = "source-fails"
    UNRECONCILED = "unreconciled-calls"
    STRAY_OBJECT = "stray-object"
    MISSING_OBJECT = "missing-object"
    MISSING_KEY = "missing-key"
    CAME_BACK = "came-back"
    KEPT_TOO_LONG = "kept-too-long"
    DEAD_DAY_OPENS = "dead-day-opens"
    BREAKER_OPENED = "breaker-opened"
    MONITOR_ALARM = "monitor-alarm"
    ACCESS_ABUSE = "access-abuse"
    INTEGRITY = "integrity"
    BY_HAND = "by-hand"


async def open_incident(
    connection: Connection, site: str, kind: Incident, reference: str, now: datetime
) -> bool:
    """Open an incident once per kind and reference; False if it was opened before.

    The service is aware of what it writes down: the 72 hours begin `now`.
    """
    row = await connection.fetchrow(
        QUERIES["open_incident"], site, uuid4(), kind.value, reference, now
    )
    return row is not None


class Said(NamedTuple):
    """What somebody did or saw; `actor` is a person's neutral code."""

    actor: str
    at: datetime
    note: str


async def note_on(
    connection: Connection, site: str, kind: Incident, reference: str, said: Said
) -> None:
    """Add to what was opened under this reference, in the caller's transaction."""
    incident_id = await connection.fetchval(
        QUERIES["lock_incident_about"], site, kind.value, reference
    )
    await connection.execute(
        QUERIES["insert_note"], site, incident_id, said.at, said.actor, said.note
    )


async def settle_incident(
    connection: Connection, site: str, kind: Incident, reference: str, now: datetime
) -> None:
    """Close what ended by itself, such as a source that answers again."""
    await connection.execute(
        QUERIES["settle_incident"], site, kind.value, reference, now
    )
