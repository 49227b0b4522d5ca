"""Whoever was given a recording, and hears of what became of it (GDPR Art. 19).

A recipient is a code, such as an authority's. The person themselves is none. Telling
them is work of the desk; the answer to the person does not wait for it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from proxy.access.permissions import Actor
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.access.words import checked
from proxy.database.pool import SiteDatabase
from proxy.errors import ObjectMissingError, PonctuelError
from proxy.rights.outcomes.wants import QUERIES, Wants, What

# As the trace takes them: no number, and nothing as long as a name with an address.
_CODE = re.compile(r"(?!(?:[^0-9]*[0-9]){9})[a-z][a-z0-9_-]{0,31}")


class HandoverError(PonctuelError):
    """This handover cannot be noted."""

    status = 422
    error_id = "bad-handover"


class NoticeError(PonctuelError):
    """This recipient's notice cannot be noted so."""

    status = 409
    error_id = "bad-notice"


class HandoverPurpose(StrEnum):
    """What a recording is given to others for; letters to the person word each."""

    REQUISITION = "requisition"
    CLAIM = "claim"
    EXPERTISE = "expertise"
    CARE = "care"
    INSPECTION = "inspection"


class Told(StrEnum):
    """What became of telling a recipient."""

    TOLD = "told"
    DISPROPORTIONATE = "disproportionate"  # Art. 19: with a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """That a recording was given to somebody."""

    handover_id: UUID
    recording_id: UUID
    recipient: str
    purpose: str
    handed_on: date
    noted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A recipient who is to be told of what a request changed; open without outcome.

    `is_lifting`: that a restriction they were told of is lifted, at `done_at`.
    """

    handover_id: UUID
    recording_id: UUID
    recipient: str
    purpose: str
    handed_on: date
    what: What
    reference: str
    is_lifting: bool
    done_at: datetime
    outcome: Told | None
    reason: str | None
    noted_at: datetime | None


class Recipients:
    """One site's register of handovers."""

    def __init__(
        self, wants: Wants, trace: Trace, clock: Callable[[], datetime]
    ) -> None:
        self._wants = wants
        self._requests = wants.requests
        self._database = wants.database
        self._site = wants.site
        self._trace = trace
        self._clock = clock

    async def hand_over(
        self, by: Actor, recording_id: UUID, recipient: str, purpose: str, on: date
    ) -> Sequence[Handover]:
        """Note that a recording is given to somebody, for what, on which day.

        In the trace it is an export. Noted twice it is one. Returns all of the
        recording's. Raises HandoverError, ObjectMissingError.
        """
        self._check(recipient, purpose, on)
        async with self._database.transaction() as connection:
            noted = await connection.execute(
                QUERIES["insert_handover"],
                *(self._site, uuid4(), recording_id, recipient, purpose, on, by.code),
                self._clock(),
            )
            if noted == "INSERT 0 1":
                entry = Entry(
                    *(Act.EXPORTED, by.code, by.role, recording_id, purpose),
                    about=recipient,
                )
                await self._trace.note_in(connection, entry)
        if not (known := await self.of(recording_id)):
            raise ObjectMissingError
        return known

    async def of(self, recording_id: UUID) -> Sequence[Handover]:
        """Who was given a recording, the first before the others."""
        return await handovers_of(self._database, recording_id)

    async def notices(self, request_id: UUID) -> Sequence[Notice]:
        """Who is to be told of what was done for a request, and who was."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_notices"], self._site, request_id
            )
        return [
            Notice(
                **dict(row)
                | {
                    "what": What(row["what"]),
                    "outcome": row["outcome"] and Told(row["outcome"]),
                }
            )
            for row in rows
        ]

    async def note(
        self,
        by: Actor,
        request_id: UUID,
        handover_id: UUID,
        outcome: Told,
        reason: str = "",
    ) -> Sequence[Notice]:
        """A recipient was told, or need not be, for a reason. Said once it stays.

        Once a restriction is lifted, it is that which they were told. Raises
        UnknownRequestError, OwnRequestError, NoticeError, WordsError.
        """
        said = checked("reason", reason)
        if outcome is Told.DISPROPORTIONATE and not said:
            raise NoticeError(field="reason", fix="say why it is disproportionate")
        self._wants.check_not_own(by, await self._requests.find(request_id))
        known = await self.notices(request_id)
        theirs = [each for each in known if each.handover_id == handover_id]
        if not theirs:
            raise NoticeError(field="handover", fix="choose one of the request's")
        async with self._database.transaction() as connection:
            noted = await connection.execute(
                QUERIES["insert_notice"],
                *(self._site, request_id, handover_id, theirs[-1].is_lifting),
                *(outcome.value, said, by.code, self._clock()),
            )
            if noted == "INSERT 0 1":
                word = f"recipient-{outcome.value}"
                await self._wants.note_act(connection, by, request_id, word)
        return await self.notices(request_id)

    def _check(self, recipient: str, purpose: str, on: date) -> None:
        if not _CODE.fullmatch(recipient):
            raise HandoverError(
                field="recipient", fix="give a code of a-z, 0-9, - and _, and no number"
            )
        if purpose not in {*HandoverPurpose}:
            raise HandoverError(
                field="purpose", fix=f"give one of {', '.join(HandoverPurpose)}"
            )
        if on > self._requests.local(self._clock()).date():
            raise HandoverError(field="day", fix="give a day that has come")


async def handovers_of(
    database: SiteDatabase, recording_id: UUID
) -> Sequence[Handover]:
    """Who was given a recording, the first before the others."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            QUERIES["list_handovers"], database.site, recording_id
        )
    return [Handover(**dict(row)) for row in rows]
