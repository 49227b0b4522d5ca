"""The letters of a package, stated from its request and from the settings in force."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any

from proxy.letters.facts import (
    AnswerAccess,
    Information,
    Muted,
    PackageCode,
    PackageFile,
    PackageReadme,
    RecordingSheet,
)
from proxy.rights.packages.counting import Counted
from proxy.rights.packages.muting import Cut
from proxy.rights.packages.ports import PackageSurroundings, Told
from proxy.rights.packages.store import Package
from proxy.rights.records import Request
from proxy.rights.wording import ending_of
from retention.periods import LARGEST_LAG

LEFT_OUT: Mapping[str, str] = {
    "fr": "l'enregistrement est endommagé, et nul ne peut en faire une copie.",
    "en": "the recording is damaged, and nobody can make a copy of it.",
}


class PackageTexts:
    """One site's."""

    def __init__(self, given: PackageSurroundings) -> None:
        self._wording = given.wording
        self._requests = given.requests
        self._processing = given.processing
        self._clock = given.clock
        self._page = given.page
        self._link = given.link

    async def confirmation(self, request: Request, counted: Counted) -> str:
        """As it lies in the copy: made before there is a link, read once it is over."""
        head = self._wording.head(request, self._clock())
        return self._wording.letter(request, self._answer(request, head, counted))

    def answer(
        self,
        request: Request,
        head: Mapping[str, Any],
        counted: Counted,
        package: Package,
    ) -> AnswerAccess:
        """What the answer states; `head` has the fields of `OfRequest`."""
        facts = self._answer(request, head, counted)
        fetched, until = package.fetched_at, package.link_until
        if fetched is not None:
            return replace(facts, fetched_on=self._wording.day(fetched))
        if until is None:
            return facts
        return replace(facts, page=self._page, open_until=self._wording.day(until))

    def _answer(
        self, request: Request, head: Mapping[str, Any], counted: Counted
    ) -> AnswerAccess:
        return AnswerAccess(
            **head,
            recordings=counted.recordings,
            muted=counted.muted,
            number_ending=ending_of(request),
            withheld=counted.left_out,
            withheld_because=LEFT_OUT[request.language] if counted.left_out else "",
            gone=counted.gone,
            grounds=request.told.grounds,
        )

    async def information(self, request: Request, recordings: int) -> str:
        facts = Information(
            **self._letterhead(request),
            processing=self._processing(),
            recordings=recordings,
        )
        return self._wording.letter(request, facts)

    async def sheet(self, request: Request, told: Told) -> str:
        facts = RecordingSheet(
            **self._letterhead(request),
            recording=str(told.number),
            file=told.audio_file,
            captured_at=self._requests.local(told.captured_at),
            seconds=told.seconds,
            practice=told.practice or "-",
            purpose=told.purpose,
            draw=told.draw_seq,
            kept_until=self._wording.day(self._gone_at(request, told)),
            listenings=told.listenings,
            muted=_muted(told.cuts),
            statements=told.statements,
        )
        return self._wording.letter(request, facts)

    def _gone_at(self, request: Request, told: Told) -> datetime:
        """At the latest: its day, or a day after nobody can fetch this any more.

        Links are issued until the answer, and that is due on a day.
        """
        now = self._requests.local(self._clock())
        due = datetime.combine(request.due_on, time.max, now.tzinfo)
        return max(told.expires_at, max(due, now) + self._link + LARGEST_LAG)

    async def readme(self, request: Request, files: Sequence[PackageFile]) -> str:
        facts = PackageReadme(**self._letterhead(request), files=tuple(files))
        return self._wording.letter(request, facts)

    def code(self, request: Request, code: str, minutes: int) -> str:
        facts = PackageCode(
            controller=self._wording.desk.controller,
            code=code,
            reference=request.reference,
            minutes=minutes,
        )
        return self._wording.letter(request, facts)

    def _letterhead(self, request: Request) -> dict[str, Any]:
        head = self._wording.head(request, self._clock())
        return {name: head[name] for name in ("desk", "reference", "written_on")}


def _muted(cuts: Sequence[Cut]) -> tuple[Muted, ...]:
    return tuple(
        Muted(
            from_second=cut.start / 1000,
            to_second=cut.stop / 1000,
            reason=cut.why.value,
        )
        for cut in cuts
    )
