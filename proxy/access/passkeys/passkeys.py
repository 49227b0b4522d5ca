"""Making, using and removing passkeys, for the pages that do.

A page gives the options it gets to `navigator.credentials` and posts the answer
(`PublicKeyCredential.toJSON()`) back as text:

- A new one: `begin_registration(session)`, `finish_registration(session, answer)`, by
  somebody who showed a second factor in the last five minutes (StaleFactorError).
- After the password: `begin_second(pending)`, then `second(pending, answer)`, a proof
  for `SignIn.finish`.
- Instead of it: `begin_alone()` gives options and a secret for a cookie that lasts five
  minutes (HttpOnly, Secure, SameSite=Strict); `alone(secret, answer, source)` gives the
  session. `source` is the address they ask from.
- Signed in, to show it is still them: `begin_again(session)`, then
  `again(session, answer)`, a proof for `SignIn.confirm`.

What is wrong with an answer is not told (PasskeyRefusedError); the trace has it. Where
no public address is set, everything raises NoPasskeysError.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from webauthn.helpers.structs import AuthenticationCredential, CredentialDeviceType

from proxy.access.accounts.factors import Proof
from proxy.access.accounts.faults import WrongFactorError
from proxy.access.accounts.sessions import NewSession, Session, Sessions
from proxy.access.accounts.sign_in import SignIn
from proxy.access.accounts.sources import SourceLimiter
from proxy.access.accounts.tokens import new_secret
from proxy.access.passkeys.ceremonies import (
    RelyingParty,
    challenge_of,
    parse,
    parse_new,
)
from proxy.access.passkeys.refusals import (
    NoPasskeysError,
    PasskeyRefusedError,
    TooManyPasskeysError,
    UnknownPasskeyError,
)
from proxy.access.passkeys.store import (
    Challenge,
    Holder,
    Kind,
    Passkey,
    PasskeyStore,
    new_id,
)
from proxy.access.permissions import Actor
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.pool import Connection, SiteDatabase

MOST = 10
"""Passkeys of one account."""
_SIZE = 32  # bytes of a challenge, and of a user handle (at most 64)


@dataclass(frozen=True, slots=True)
class Begun:
    """What a browser is given: options for the page, a secret for its cookie."""

    options: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyParts:
    """What passkeys are joined to."""

    sessions: Sessions
    sign_in: SignIn
    sources: SourceLimiter
    trace: Trace


class Passkeys:
    """One site's passkeys; `origin` is where our pages are, or empty."""

    def __init__(
        self,
        parts: PasskeyParts,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        origin: str,
    ) -> None:
        self._store = PasskeyStore(database, clock)
        self._parts = parts
        self._site = database.site
        self._clock = clock
        self._origin = origin

    @property
    def are_on(self) -> bool:
        return bool(self._origin)

    async def listed(self, account_id: UUID) -> tuple[Passkey, ...]:
        """Somebody's, the oldest first."""
        return await self._store.of(account_id)

    async def begin_registration(self, session: Session) -> str:
        """Options for a new one. Raises StaleFactorError, TooManyPasskeysError."""
        party = self._party()
        session.check_fresh(self._clock())
        there = await self._store.of(session.account_id)
        _check_room(there)
        handle = there[0].user_handle if there else secrets.token_bytes(_SIZE)
        challenge = await self._ask(
            Kind.REGISTRATION, str(session.session_id), session.account_id, handle
        )
        return party.ask_for_new(challenge, session.actor.code, handle, there)

    async def finish_registration(self, session: Session, answer: str) -> Passkey:
        """Keep what the browser made. Raises UnauthorizedError if it is too late."""
        party = self._party()
        session.check_fresh(self._clock())
        read = parse_new(answer)
        secret = challenge_of(read)
        asked = await self._store.use(
            secret, Kind.REGISTRATION, _bound(str(session.session_id))
        )
        if asked.account_id != session.account_id or asked.user_handle is None:
            raise PasskeyRefusedError
        made, now = party.read_new(read, secret), self._clock()
        passkey = Passkey(
            passkey_id=new_id(),
            account_id=session.account_id,
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            user_handle=asked.user_handle,
            sign_count=made.sign_count,
            is_synced=made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            made_at=now,
            used_at=now,
        )
        await self._keep(session, passkey)
        return passkey

    async def remove(self, session: Session, passkey_id: UUID) -> None:
        """Raises StaleFactorError, UnknownPasskeyError."""
        session.check_fresh(self._clock())
        async with self._store.database.transaction() as connection:
            if not await self._store.remove(connection, session.account_id, passkey_id):
                raise UnknownPasskeyError
            await self._note(connection, Act.FACTOR_RESET, session.actor)

    async def forget(self, connection: Connection, account_id: UUID) -> None:
        """All of them, with the account or when its factors are reset."""
        await self._store.forget(connection, account_id)

    async def begin_second(self, pending: str) -> str:
        """Options for the passkeys of an account whose password was shown.

        Raises PasskeyRefusedError, UnknownPasskeyError.
        """
        account_id = await self._store.pending_account(pending)
        return await self._begin(Kind.SECOND, pending, account_id)

    async def second(self, pending: str, answer: str) -> Proof:
        """That they showed one of them. Raises PasskeyRefusedError."""
        return self._proof(await self._used(Kind.SECOND, pending, answer))

    async def begin_again(self, session: Session) -> str:
        return await self._begin(
            Kind.AGAIN, str(session.session_id), session.account_id
        )

    async def again(self, session: Session, answer: str) -> Proof:
        """That it is still them. Raises PasskeyRefusedError."""
        bound_to = str(session.session_id)
        return self._proof(await self._used(Kind.AGAIN, bound_to, answer))

    async def begin_alone(self) -> Begun:
        """Options for anybody's, and the secret of the browser that asks."""
        party = self._party()
        secret = new_secret(self._site)
        challenge = await self._ask(Kind.ALONE, secret)
        return Begun(party.ask_for(challenge, ()), secret)

    async def alone(self, secret: str, answer: str, source: str) -> NewSession:
        """Sign in whose it is.

        Raises PasskeyRefusedError, TooManyAttemptsError, SignInRefusedError.
        """
        self._parts.sources.claim(source)
        passkey = await self._used(Kind.ALONE, secret, answer)
        made = await self._parts.sign_in.admit(passkey.account_id, self._proof(passkey))
        self._parts.sources.give_back(source)
        return made

    async def _begin(self, kind: Kind, bound_to: str, account_id: UUID) -> str:
        party = self._party()
        there = [
            each for each in await self._store.of(account_id) if not each.doubted_at
        ]
        if not there:
            raise UnknownPasskeyError
        challenge = await self._ask(kind, bound_to, account_id)
        return party.ask_for(challenge, there)

    async def _ask(
        self,
        kind: Kind,
        bound_to: str,
        account_id: UUID | None = None,
        user_handle: bytes | None = None,
    ) -> bytes:
        secret = secrets.token_bytes(_SIZE)
        challenge = Challenge(
            kind=kind,
            bound_to=_bound(bound_to),
            account_id=account_id,
            user_handle=user_handle,
        )
        await self._store.ask(secret, challenge)
        return secret

    async def _used(self, kind: Kind, bound_to: str, answer: str) -> Passkey:
        """Which passkey answered; in this order.

        1. It answers a challenge of ours, for this, now gone.
        2. It is a passkey of the account that was asked, and says so itself.
        3. It is signed, at our origin, by somebody who was verified.
        4. Its counter went on.
        """
        party, read = self._party(), parse(answer)
        secret = challenge_of(read)
        asked = await self._store.use(secret, kind, _bound(bound_to))
        passkey, holder = await self._find(read, asked)
        try:
            count = party.read_count(read, secret, passkey)
        except PasskeyRefusedError:
            await self._failed("passkey", holder)
            raise
        if passkey.doubted_at or not await self._store.count_up(passkey, count):
            await self._failed("passkey-counter", holder)
            raise PasskeyRefusedError
        return passkey

    def _proof(self, passkey: Passkey) -> Proof:
        """What was judged already, if it is still there in the caller's transaction.

        Or a sign-in under way would outlive a reset that took the passkey away.
        """

        async def check(connection: Connection, account_id: UUID) -> None:
            is_theirs = account_id == passkey.account_id
            if not (is_theirs and await self._store.holds(connection, passkey)):
                raise WrongFactorError

        return check

    async def _find(
        self, read: AuthenticationCredential, asked: Challenge
    ) -> tuple[Passkey, Holder]:
        found = await self._store.find(read.raw_id)
        if found is None:
            await self._failed("passkey-unknown", None)
            raise PasskeyRefusedError
        passkey, holder = found
        handle = read.response.user_handle
        is_theirs = asked.account_id in (None, passkey.account_id)
        # Without an account to compare with, the passkey must name its own.
        is_named = handle == passkey.user_handle or (
            handle is None and asked.account_id is not None
        )
        if not (is_theirs and is_named):
            await self._failed("passkey-foreign", holder)
            raise PasskeyRefusedError
        return passkey, holder

    async def _keep(self, session: Session, passkey: Passkey) -> None:
        """Two passkeys of one account are made one after the other."""
        async with self._store.database.transaction() as connection:
            await self._parts.sessions.hold(connection, session)
            _check_room(await self._store.of_in(connection, passkey.account_id))
            if not await self._store.add(connection, passkey):
                raise PasskeyRefusedError
            await self._note(connection, Act.FACTOR_SET, session.actor)

    def _party(self) -> RelyingParty:
        if not self._origin:
            raise NoPasskeysError(
                field="access.public_url",
                fix="set it to the address people open the console with",
            )
        return RelyingParty(self._origin)

    async def _failed(self, about: str, holder: Holder | None) -> None:
        code, role = (holder.code, holder.role) if holder else ("", "")
        await self._parts.trace.note(Entry(Act.SIGN_IN_FAILED, code, role, about=about))

    async def _note(
        self, connection: Connection, act: Act, who: Holder | Actor
    ) -> None:
        entry = Entry(act, who.code, who.role, about="passkey")
        await self._parts.trace.note_in(connection, entry)


def _bound(to: str) -> bytes:
    return sha256(to.encode()).digest()


def _check_room(there: tuple[Passkey, ...]) -> None:
    if len(there) >= MOST:
        raise TooManyPasskeysError
