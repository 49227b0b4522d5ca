"""Plays: who listens to what just now, and how much of it they have been sent.

A play and its first entry in the trace are one transaction, and so are a piece and its
entry: what could not be written down is not sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from proxy.access.accounts.sessions import Session
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import PonctuelError
from proxy.ledger.transaction import add_counts
from proxy.playback.purposes import Use
from proxy.playback.ranges import Piece, largest_piece

QUERIES = queries_beside(__file__)

# A browser that has read ahead asks for nothing for minutes.
RUNS_ON = timedelta(minutes=10)
MOST_RUNNING = 2
# To hear everything, go back and hear it again takes no more.
MOST_TIMES = 3
LEAST_PIECES = 1000


class UnknownPlayError(PonctuelError):
    """There is no such play, or it is not yours."""

    status = 404
    error_id = "unknown-play"


class PlayOverError(PonctuelError):
    """This play is over."""

    status = 410
    error_id = "play-over"


class PlaySpentError(PonctuelError):
    """More of the recording was asked for than listening takes."""

    status = 429
    error_id = "play-spent"


class TooManyPlaysError(PonctuelError):
    """You are listening elsewhere already."""

    status = 429
    error_id = "too-many-plays"


@dataclass(frozen=True, slots=True)
class Running:
    """One play as it is noted."""

    play_id: UUID
    recording_id: UUID
    session_id: UUID
    purpose: str
    used_at: datetime
    ended_at: datetime | None


def most_pieces(size: int) -> int:
    """How many pieces a play gives of that many bytes, however small they are."""
    return max(LEAST_PIECES, 2 * MOST_TIMES * size // largest_piece(size))


class Plays:
    """One site's plays."""

    def __init__(
        self, database: SiteDatabase, trace: Trace, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._site = database.site
        self._trace = trace
        self._clock = clock

    async def begin(
        self, who: Session, recording_id: UUID, use: Use, recorded_for: str
    ) -> UUID:
        """A play that is counted and in the trace; the session's former one ends.

        Raises TooManyPlaysError while the account listens in two other sessions.
        """
        play_id, now = uuid4(), self._clock()
        async with self._database.transaction() as connection:
            await self._make_room(connection, who, now)
            await connection.execute(
                QUERIES["begin_play"],
                self._site,
                play_id,
                recording_id,
                who.account_id,
                who.session_id,
                use.value,
                now,
            )
            counted = {("plays", f"{who.actor.role.value} {recorded_for}"): 1}
            await add_counts(connection, self._site, counted)
            entry = Entry(
                *(Act.PLAY, who.actor.code, who.actor.role, recording_id, use.value),
                about=str(play_id),
            )
            await self._trace.note_in(connection, entry)
        return play_id

    async def _make_room(
        self, connection: Connection, who: Session, now: datetime
    ) -> None:
        whose = (self._site, who.account_id)
        await connection.execute(QUERIES["lock_listener"], *whose)
        await connection.execute(
            QUERIES["end_plays_of_session"], self._site, who.session_id, now
        )
        running = await connection.fetchval(
            QUERIES["count_running"], *whose, now - RUNS_ON
        )
        if running >= MOST_RUNNING:
            raise TooManyPlaysError(fix="end one of the others, or wait ten minutes")

    async def find(self, who: Session, play_id: UUID) -> Running:
        """Raises UnknownPlayError, also for somebody else's; PlayOverError."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(QUERIES["find_play"], self._site, play_id)
        if row is None or row["session_id"] != who.session_id:
            raise UnknownPlayError
        play = Running(**row)
        if play.ended_at is not None or play.used_at <= self._clock() - RUNS_ON:
            raise PlayOverError(fix="begin a new one")
        return play

    async def serve(self, who: Session, play: Running, piece: Piece) -> None:
        """Note that a piece is heard; it may be sent once this returns.

        Raises PlaySpentError when that is more than listening takes.
        """
        size, now = piece.size, self._clock()
        async with self._database.transaction() as connection:
            is_served = await connection.fetchval(
                QUERIES["serve_piece"],
                self._site,
                play.play_id,
                now,
                now - RUNS_ON,
                piece.length,
                MOST_TIMES * size,
                most_pieces(size),
            )
            if not is_served:
                raise PlaySpentError(fix="begin a new play")
            entry = Entry(
                *(Act.HEARD, who.actor.code, who.actor.role, play.recording_id),
                *(play.purpose, piece.first, piece.last, str(play.play_id)),
            )
            await self._trace.note_in(connection, entry)

    async def end(self, who: Session, play_id: UUID) -> None:
        """End a play of this session, if it runs."""
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["end_play"],
                self._site,
                play_id,
                who.session_id,
                self._clock(),
            )
