"""What a site's people hear and read, joined."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from proxy.access.trace.trace import Trace
from proxy.database.pool import SiteDatabase
from proxy.playback.assessing import Assessing
from proxy.playback.listening import Listening
from proxy.vault.assembling import VaultParts


@dataclass(frozen=True, slots=True)
class Hearing:
    """Recordings as they may be heard, and analyses as they may be read."""

    listening: Listening
    assessing: Assessing


def make_hearing(
    database: SiteDatabase,
    parts: VaultParts,
    trace: Trace,
    clock: Callable[[], datetime],
) -> Hearing:
    listening = Listening(
        database, parts.catalogue, parts.recordings, parts.statements, trace, clock
    )
    return Hearing(listening, Assessing(parts.analyses, trace))
