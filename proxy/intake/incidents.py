"""Things that must not happen, written down when they do. Opaque references only."""

from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from proxy.database.pool import Connection
from proxy.intake.store import QUERIES


class Incident(StrEnum):
    """What kind of thing happened."""

    UNSOLICITED = "unsolicited-recording"
    SOURCE_FAILS = "source-fails"


async def open_incident(
    connection: Connection, site: str, kind: Incident, reference: str, now: datetime
) -> bool:
    """Open an incident once per kind and reference; False if it was open already."""
    row = await connection.fetchrow(
        QUERIES["open_incident"], site, uuid4(), kind.value, reference, now
    )
    return row is not None
