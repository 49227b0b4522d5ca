"""What a package is made of, as far as others know it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.access.surroundings import Seal
from proxy.access.trace.reading import TraceReading
from proxy.access.trace.trace import Trace
from proxy.ledger.draw_proofs import DrawProofs
from proxy.letters.facts import Listening, Processing, Statement
from proxy.rights.config import Practice
from proxy.rights.identity_codes import IdentityCodes
from proxy.rights.packages.muting import Cut
from proxy.rights.requests import Requests
from proxy.rights.senders import Sender
from proxy.rights.wording import Wording
from proxy.vault.recordings import Vault
from proxy.vault.statements import Statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One recording, as it is told of. `expires_at`: when it is gone by itself."""

    number: int
    audio_file: str
    captured_at: datetime
    expires_at: datetime
    seconds: float
    practice: str
    purpose: str
    draw_seq: int
    listenings: tuple[Listening, ...]
    cuts: tuple[Cut, ...]
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSurroundings:
    """What packages are made with. `link`: how long one is good, at most seven days."""

    requests: Requests
    seal: Seal
    vault: Vault
    trace: Trace
    hearings: TraceReading
    wording: Wording
    processing: Callable[[], Processing]
    """What is done with voices here, from the settings in force."""
    draw_proofs: Callable[[], DrawProofs]
    """Asked for once the log's key is open."""
    statements: Statements
    codes: IdentityCodes
    sender: Sender
    name_agent: Callable[[str], bytes]
    practices: Mapping[str, Practice]
    clock: Callable[[], datetime]
    link: timedelta
    page: str
    """Where packages are fetched."""
