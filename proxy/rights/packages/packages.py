"""Access packages: what the desk does with them, and what the person gets."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from proxy.access.permissions import Actor
from proxy.access.trace.acts import Act, Entry
from proxy.database.pool import Connection
from proxy.errors import ObjectMissingError
from proxy.rights.checking import DONE_FIRST
from proxy.rights.faults import MoveRefusedError, OwnRequestError
from proxy.rights.moving import check_not_own
from proxy.rights.packages.by_hand import (
    HANDED_OVER,
    LINK_ISSUED,
    check_handing_over,
)
from proxy.rights.packages.contents import Contents
from proxy.rights.packages.faults import NoPackageError, PackageNotReadyError
from proxy.rights.packages.handing import is_to_be_handed_over
from proxy.rights.packages.links import LONGEST_LINK, Link, Links
from proxy.rights.packages.making import Making, to_hand_over
from proxy.rights.packages.muting import Cut, checked
from proxy.rights.packages.ports import PackageSurroundings
from proxy.rights.packages.sending import Sending
from proxy.rights.packages.store import QUERIES, Ended, Package, PackageStore
from proxy.rights.packages.texts import PackageTexts
from proxy.rights.records import Request
from proxy.rights.unsettled import check_practices, check_question
from retention.rights.deadlines import Kind

KINDS = frozenset({Kind.ACCESS, Kind.MEDICAL_FILE})


class Packages:
    """One site's packages."""

    def __init__(self, given: PackageSurroundings) -> None:
        self._given = given
        self.store = PackageStore(given.requests.database, given.seal, given.clock)
        self.texts = PackageTexts(given)
        contents = Contents(given, self.store, self.texts)
        self.making = Making(given.requests, self.store, contents)
        self.links = Links(given, self.store, self.texts)
        self.sending = Sending(given, self.store)

    async def mute(
        self, by: Actor, request_id: UUID, recording_id: UUID, cuts: Iterable[Cut]
    ) -> tuple[Cut, ...]:
        """Say what is silent in the copy of one recording: these parts and no others.

        A package that was made before is over, and its link with it; so it is too late
        once the person was told that there is one. Raises BadCutError,
        UnknownRequestError, ObjectMissingError, MoveRefusedError.
        """
        async with self._given.requests.database.transaction() as connection:
            request = await self._locked(connection, by, request_id)
            _check_unanswered(request)
            row = await connection.fetchrow(
                QUERIES["find_recording_facts"], self.store.site, recording_id
            )
            items = await self._given.requests.items_in(connection, request_id)
            if row is None or recording_id not in to_hand_over(items):
                raise ObjectMissingError
            muted = checked(cuts, row["seconds"])
            await self._write_cuts(connection, request_id, recording_id, muted)
            await self.making.end(connection, request_id, Ended.CHANGED)
            await self._note(connection, by, request, "muted")
        return muted

    async def _write_cuts(
        self,
        connection: Connection,
        request_id: UUID,
        recording_id: UUID,
        cuts: Sequence[Cut],
    ) -> None:
        where = (self.store.site, request_id, recording_id)
        await connection.execute(QUERIES["forget_cuts"], *where)
        await connection.execute(
            QUERIES["add_cuts"],
            *where,
            [cut.start for cut in cuts],
            [cut.stop for cut in cuts],
            [cut.why.value for cut in cuts],
        )

    async def muted(
        self, by: Actor, request_id: UUID, recording_id: UUID
    ) -> tuple[Cut, ...]:
        """What is silent in the copy of one recording.

        Raises UnknownRequestError, OwnRequestError.
        """
        await self._check_not_own(by, request_id)
        return await self.store.cuts(request_id, recording_id)

    async def make(
        self, by: Actor, request_id: UUID, without: Collection[UUID] = ()
    ) -> Package:
        """Begin a new package; it is put together in the background.

        `without` leaves out recordings that kept a former one from being made. Raises
        NothingToPackError, NotFaultyError, PackageNotReadyError, MoveRefusedError.
        """
        async with self._given.requests.database.transaction() as connection:
            request = await self._locked(connection, by, request_id)
            await self.making.begin(connection, by, request, without)
            await self._note(connection, by, request, "package-made")
        self.making.work_on(request_id)
        return await self.store.living(request_id)

    async def show(self, by: Actor, request_id: UUID) -> Package:
        """How far it has come; the last, if there is none that lives.

        Raises NoPackageError, UnknownRequestError, OwnRequestError.
        """
        await self._check_not_own(by, request_id)
        package = await self.store.find(request_id)
        package = package or await self.store.last(request_id)
        if package is None:
            raise NoPackageError(fix="have one made")
        return package

    async def issue(self, by: Actor, request_id: UUID) -> Link:
        """A link to the finished package, shown only now; a former one is void.

        Raises NoPackageError, PackageNotReadyError, also before the 48 hours of a
        medical file are over; MoveRefusedError before it is known who asks, while a
        shared telephone takes one question more, while a practice is or has to be
        asked, and once the answer is another.
        """
        async with self._given.requests.database.transaction() as connection:
            request = await self._locked(connection, by, request_id)
            self._check_may_be_handed_over(request)
            await self._check_settled(connection, request)
            package = await self.store.find_in(connection, request_id)
            if package is None:
                raise NoPackageError(fix="have one made")
            link = await self.links.issue(connection, by, package)
            await self._note(connection, by, request, LINK_ISSUED)
        return link

    def _check_may_be_handed_over(self, request: Request) -> None:
        now = self._given.clock()
        if request.standing.identity is None:
            raise MoveRefusedError(
                "it is not known who asks", field="identity", fix="find out first"
            )
        if not is_to_be_handed_over(request.standing):
            raise MoveRefusedError(
                f"it is {request.standing.outcome or request.standing.state}",
                field="state",
                fix="a copy goes to whoever is known, once no practice is asked",
            )
        earliest = request.standing.deadlines(now).earliest
        if earliest is not None and now < earliest:
            raise PackageNotReadyError(
                f"not before {earliest:%Y-%m-%d %H:%M}",
                field="earliest",
                fix="a medical file is handed over after 48 hours at the earliest",
            )

    async def _check_settled(self, connection: Connection, request: Request) -> None:
        """Of what is answered it was: then nothing can be asked any more."""
        if not request.standing.is_open:
            return
        which = (connection, request.request_id)
        items = await self._given.requests.items_in(*which)
        check_question(request, items)
        history = await self._given.requests.history_in(*which)
        check_practices(self._given.practices, items, history)

    async def hand_over_code(self, by: Actor, request_id: UUID) -> str:
        """A code for the running link, to be given to the person by another way.

        For whoever has no number a code could be sent to, or one that none reached; by
        another person than gave out the link or proved who asks. Raises
        SamePersonError, NoPackageError, LinkOverError, TooManyCodesError,
        MoveRefusedError.
        """
        async with self._given.requests.database.transaction() as connection:
            request = await self._locked(connection, by, request_id)
            history = await self._given.requests.history_in(connection, request_id)
            can_send = self.links.can_send
            check_handing_over(by.code, request, history, can_send=can_send)
            package = await self.store.find_in(connection, request_id)
            if package is None:
                raise NoPackageError(fix="have one made")
            code = await self.links.new_code(connection, package, LONGEST_LINK)
            await self._note(connection, by, request, HANDED_OVER)
        return code

    async def tend(self) -> None:
        """Go on with what a crash or a fault interrupted; end links that are over."""
        for row in await self.store.rows("find_unassembled"):
            self.making.work_on(row["request_id"])
        now = self._given.clock()
        for row in await self.store.rows("find_links_over", now):
            async with self.store.database.transaction() as connection:
                await self.store.end(connection, row["package_id"], Ended.LINK_OVER)

    async def close(self) -> None:
        await self.making.close()

    async def _locked(
        self, connection: Connection, by: Actor, request_id: UUID
    ) -> Request:
        """A request to give access, open or granted, that is not the actor's own."""
        request = await self._given.requests.lock(connection, request_id)
        told = request.told
        if request.kind not in KINDS:
            raise MoveRefusedError(
                "it does not ask for access", field="kind", fix="only access has one"
            )
        if request.standing.outcome not in {None, *DONE_FIRST}:
            raise MoveRefusedError(
                f"it was answered {request.standing.outcome}",
                field="state",
                fix="whoever asks again makes a new request",
            )
        if told.agent and self._given.name_agent(told.agent) == by.agent_key:
            raise OwnRequestError(fix="ask a colleague at the desk")
        return request

    async def _check_not_own(self, by: Actor, request_id: UUID) -> None:
        request = await self._given.requests.find(request_id)
        check_not_own(by, request, self._given.name_agent)

    async def _note(
        self, connection: Connection, by: Actor, request: Request, event: str
    ) -> None:
        """The trace goes last: others wait for it from here on."""
        requests, request_id = self._given.requests, request.request_id
        await requests.note(connection, request_id, event, by.code)
        entry = Entry(Act.REQUEST, by.code, by.role, request_id, event)
        await self._given.trace.note_in(connection, entry)


def _check_unanswered(request: Request) -> None:
    if not request.standing.is_open:
        raise MoveRefusedError(
            "it is answered, and the person has the link",
            field="state",
            fix="mute before the answer",
        )
