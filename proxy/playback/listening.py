"""Listening to recordings, on the record, and never more of one than a piece at a time.

Everything is asked anew for every piece: whether the play is this session's and runs,
whether the actor still reaches the recording, whether that lives. Then the entry of the
range is committed, and only then is anything of it opened (R30: no byte before it).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proxy.access.accounts.sessions import Session
from proxy.access.permissions import Actor, Item, Permission, Subject, permits
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.pool import SiteDatabase
from proxy.errors import ObjectMissingError, PonctuelError
from proxy.playback.plays import Plays, Running
from proxy.playback.purposes import Use, check_use, heard_despite
from proxy.playback.ranges import NoRangeError, Piece, piece_of
from proxy.playback.reaching import reach_of
from proxy.vault.catalogue import NEWEST, Catalogue, Filed, Listed, Place
from proxy.vault.recordings import Recording, Vault
from proxy.vault.statements import Statement, Statements

_SERVERS_FAULT = 500


@dataclass(frozen=True, slots=True)
class Play:
    """A play that may begin: where it is heard, and what the player must know."""

    play_id: UUID
    recording_id: UUID
    address: str
    media_type: str
    seconds: float
    statements: Sequence[Statement] = ()
    """What the person said of it (GDPR Art. 16): shown before anything is heard."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One piece, opened as it is read; to be closed by whoever reads it."""

    piece: Piece
    media_type: str
    clear_audio: AsyncGenerator[bytes, None]


class Listening:
    """One site's recordings, for those who may hear them."""

    def __init__(
        self,
        database: SiteDatabase,
        catalogue: Catalogue,
        vault: Vault,
        statements: Statements,
        trace: Trace,
        clock: Callable[[], datetime],
    ) -> None:
        self._site = database.site
        self._catalogue = catalogue
        self._vault = vault
        self._statements = statements
        self._trace = trace
        self._plays = Plays(database, trace, clock)

    async def listing(
        self, actor: Actor, limit: int, behind: Place = NEWEST
    ) -> Sequence[Listed]:
        """What the actor reaches, the newest day first; that they looked is noted."""
        entry = Entry(Act.LISTED, actor.code, actor.role, about="recordings")
        await self._trace.note(entry)
        reach = reach_of(actor, Permission.RECORDINGS_LIST)
        return await self._catalogue.list(reach, limit, behind)

    async def begin(self, who: Session, recording_id: UUID, use: Use) -> Play:
        """Begin to listen; the session's former play ends.

        Raises ObjectMissingError for what is not there or out of reach, with the same
        work; RestrictedError, WrongUseError, TooManyPlaysError; and what the database
        raises, when the entry could not be written. StorageError where a statement
        cannot be read: without it nobody listens.
        """
        async with self._noting_refusals(who.actor, recording_id, use):
            filed, recording = await self._find(who.actor, recording_id, use)
            play_id = await self._plays.begin(who, recording_id, use, filed.purpose)
        return Play(
            play_id,
            recording_id,
            f"/listen/{self._site}/{play_id}",
            recording.media_type,
            recording.seconds,
            await self._statements.of(recording_id),
        )

    async def piece(self, who: Session, play_id: UUID, wanted: str | None) -> Heard:
        """A piece of a play, for the header `Range`.

        Raises UnknownPlayError, PlayOverError, PlaySpentError, NoRangeError, and what
        `begin` does: whatever has ended in the meantime ends the play.
        """
        async with self._noting_refusals(who.actor, None):
            play = await self._plays.find(who, play_id)
        use = Use(play.purpose)
        async with self._noting_refusals(who.actor, play.recording_id, use):
            return await self._heard(who, play, wanted)

    async def _heard(self, who: Session, play: Running, wanted: str | None) -> Heard:
        try:
            _, recording = await self._find(
                who.actor, play.recording_id, Use(play.purpose)
            )
            piece = piece_of(wanted, recording.clear_size)
            await self._plays.serve(who, play, piece)
        except PonctuelError as error:
            if _is_final(error):
                await self._plays.end(who, play.play_id)
            raise
        clear_audio = await self._vault.open(recording, piece.first, piece.last + 1)
        return Heard(piece, recording.media_type, clear_audio)

    async def end(self, who: Session, play_id: UUID) -> None:
        """End a play of this session, if there is such a one."""
        await self._plays.end(who, play_id)

    async def _find(
        self, actor: Actor, recording_id: UUID, use: Use
    ) -> tuple[Filed, Recording]:
        filed = await self._catalogue.find(recording_id)
        item = None if filed is None else _item(filed)
        if filed is None or item is None or not self._may_play(actor, item):
            raise ObjectMissingError
        check_use(use, actor, item, filed.purpose)
        despite = heard_despite(use, actor)
        return filed, await self._vault.find(recording_id, despite)

    def _may_play(self, actor: Actor, item: Item) -> bool:
        return permits(actor, Permission.RECORDINGS_PLAY, Subject(self._site, item))

    @asynccontextmanager
    async def _noting_refusals(
        self, actor: Actor, item: UUID | None, use: Use | None = None
    ) -> AsyncIterator[None]:
        """Whoever is refused is written down, before they hear of it."""
        try:
            yield
        except PonctuelError as error:
            if error.status < _SERVERS_FAULT:
                entry = Entry(
                    *(Act.REFUSED, actor.code, actor.role, item),
                    purpose=use.value if use else "",
                    about=error.error_id,
                )
                await self._trace.note(entry)
            raise


def _item(filed: Filed) -> Item:
    return Item(filed.recording_id, filed.practice, filed.campaign, filed.agent_key)


def _is_final(error: PonctuelError) -> bool:
    """Whether the play cannot go on: not for a bad range or what passes."""
    is_passing = isinstance(error, NoRangeError) or error.status >= _SERVERS_FAULT
    return not is_passing
