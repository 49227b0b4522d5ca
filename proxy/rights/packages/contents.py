"""What one recording of a package consists of, and what comes before all of them."""

import zlib
from collections.abc import Sequence
from datetime import date, datetime
from operator import attrgetter
from pathlib import Path

from proxy.access.permissions import Actor
from proxy.access.trace.acts import Act
from proxy.access.trace.reading import Hearing
from proxy.errors import ObjectMissingError
from proxy.letters.facts import Listening, PackageFile, Statement
from proxy.rights.outcomes.recipients import (
    Handover,
    HandoverPurpose,
    handovers_of,
)
from proxy.rights.packages import naming
from proxy.rights.packages.archive import Entry
from proxy.rights.packages.copying import Copying
from proxy.rights.packages.counting import counted
from proxy.rights.packages.keys import PackageKeys
from proxy.rights.packages.muting import Cut
from proxy.rights.packages.naming import Names
from proxy.rights.packages.ports import PackageSurroundings, Told
from proxy.rights.packages.store import Item, Member, Package, PackageStore
from proxy.rights.packages.texts import PackageTexts
from proxy.rights.records import Request

_VERIFIER = Path(__file__).resolve().parents[3] / "audit" / "verify.py"
_WHAT = {
    naming.AUDIO: "audio",
    naming.SHEET: "sheet",
    naming.RECEIPT: "receipt",
    naming.RECEIPT_WORDS: "draw",
}
# Who has it for an inquiry is no recipient (GDPR Art. 4(9)): it may have to be secret.
_INQUIRIES = frozenset({HandoverPurpose.REQUISITION, HandoverPurpose.INSPECTION})
_HOW = {Act.PLAY: "heard", Act.EXPORTED: "handed-over"}


class Contents:
    """Makes the members of one site's packages."""

    def __init__(
        self, given: PackageSurroundings, store: PackageStore, texts: PackageTexts
    ) -> None:
        self._given = given
        self._store = store
        self._texts = texts
        self._copying = Copying(given.vault)

    async def of_recording(
        self, request: Request, package: Package, item: Item
    ) -> Sequence[Member]:
        """Its copy, measured, with its sheet, its receipt, and that in words.

        Raises TamperedError, UnplayableError, ObjectMissingError for what cannot be
        handed over; whatever else is raised may pass.
        """
        names = _names(request, package)
        cuts = await self._store.cuts(request.request_id, item.recording_id)
        recording = await self._copying.find(item.recording_id)
        copy = await self._copying.measure(recording, cuts)
        audio = Member(
            place=item.place,
            part=naming.AUDIO,
            entry=Entry(names.audio(item.place, copy.extension), copy.size, copy.crc32),
            frames=copy.frames,
            recording_id=item.recording_id,
        )
        told = await self._told(request, package, item, audio.entry.name, cuts)
        proof = await self._given.draw_proofs().prove(item.draw_seq)
        texts = {
            naming.SHEET: (
                names.sheet(item.place),
                (await self._texts.sheet(request, told)).encode(),
            ),
            naming.RECEIPT: (names.receipt(item.place), proof.receipt.encode()),
            naming.RECEIPT_WORDS: (
                names.receipt_words(item.place),
                proof.in_words.encode(),
            ),
        }
        keys = self._store.keys(package)
        sealed = [
            _sealed(keys, item.place, part, *text) for part, text in texts.items()
        ]
        return [audio, *sealed]

    async def _told(
        self,
        request: Request,
        package: Package,
        item: Item,
        file: str,
        cuts: Sequence[Cut],
    ) -> Told:
        rows = await self._store.rows("find_recording_facts", item.recording_id)
        if not rows:
            raise ObjectMissingError
        maker = package.maker(self._store.site)
        return Told(
            number=item.place,
            audio_file=file,
            listenings=await self._listenings(maker, item),
            cuts=tuple(cuts),
            statements=await self._statements(request, item),
            **rows[0],
        )

    async def _statements(self, request: Request, item: Item) -> tuple[Statement, ...]:
        """Theirs: what the agent of a call states is not the caller's to read."""
        made = await self._given.statements.of(item.recording_id)
        rows = await self._store.rows(
            *("find_stated_alike", [each.request_id for each in made]),
            *(request.request_id, request.is_agents, request.is_shared),
        )
        theirs = {row["request_id"] for row in rows}
        return tuple(
            Statement(on=self._day(each.made_at), text=each.text)
            for each in made
            if each.request_id in theirs
        )

    async def _listenings(self, maker: Actor, item: Item) -> tuple[Listening, ...]:
        """As the trace has them; handovers as the register does, with their own day."""
        heard = await self._given.hearings.of_recording(maker, item.recording_id)
        given = await handovers_of(self._store.database, item.recording_id)
        told = [self._listening(each) for each in heard if not _is_handover(each)]
        told += [_handed_over(each) for each in given]
        return tuple(sorted(told, key=attrgetter("on")))

    def _listening(self, heard: Hearing) -> Listening:
        return Listening(
            on=self._day(heard.at),
            how=_HOW[heard.act],
            purpose=heard.purpose,
            role=heard.role,
        )

    def _day(self, moment: datetime) -> date:
        """By the clock on the site's wall."""
        return self._given.requests.local(moment).date()

    async def head(
        self, request: Request, package: Package, members: Sequence[Member]
    ) -> Sequence[Member]:
        """What comes first: what all of it is, and the letters."""
        names, texts = _names(request, package), self._texts
        how_many = await counted(self._store, self._given.requests, package)
        files = [
            PackageFile(name=each.entry.name, what=_what(each)) for each in members
        ]
        written = {
            naming.CONFIRMATION: await texts.confirmation(request, how_many),
            naming.INFORMATION: await texts.information(request, package.recordings),
            naming.VERIFIER: _VERIFIER.read_text(),
            naming.POLICY: self._given.draw_proofs().policy,
        }
        told = [
            PackageFile(name=names.head(part), what=names.what(part))
            for part in (naming.README, *written)
        ]
        readme = await texts.readme(request, (*told, *files))
        keys = self._store.keys(package)
        return [
            _sealed(keys, naming.HEAD, part, names.head(part), text.encode())
            for part, text in {naming.README: readme, **written}.items()
        ]


def _names(request: Request, package: Package) -> Names:
    return Names("en" if request.language == "en" else "fr", package.recordings)


def _sealed(keys: PackageKeys, place: int, part: int, name: str, text: bytes) -> Member:
    entry = Entry(name, len(text), zlib.crc32(text))
    return Member(place=place, part=part, entry=entry, sealed=keys.seal(name, text))


def _is_handover(heard: Hearing) -> bool:
    """Whether it is on the register: other than the copy for the person, it is."""
    return heard.act is Act.EXPORTED and heard.purpose in {*HandoverPurpose}


def _handed_over(given: Handover) -> Listening:
    return Listening(
        on=given.handed_on,
        how=_HOW[Act.EXPORTED],
        purpose=given.purpose,
        recipient="" if given.purpose in _INQUIRIES else given.recipient,
    )


def _what(member: Member) -> str:
    return _WHAT[member.part]
