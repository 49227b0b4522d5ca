"""Signing in, in two steps: code and password, then a second factor.

Each refusal has the same text and has cost the same: an argon2 hash, a count of the
attempt, a line in the trace; whether there is such a code is not to be learnt.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from proxy.access.accounts.attempts import Attempts
from proxy.access.accounts.codes import code_or_nobodys
from proxy.access.accounts.factors import Factors, Proof
from proxy.access.accounts.faults import (
    SignInRefusedError,
    WrongFactorError,
)
from proxy.access.accounts.hashing import BusyError, PasswordHashing
from proxy.access.accounts.passwords import prepared_or_none
from proxy.access.accounts.recovery import recovery_digest
from proxy.access.accounts.sessions import NewSession, Session, Sessions
from proxy.access.accounts.sources import SourceLimiter
from proxy.access.accounts.tokens import digest, new_secret
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import UnauthorizedError

QUERIES = queries_beside(__file__)
Check = Callable[[Connection, str], Awaitable[None]]
# Time to find one's telephone.
PENDING_FOR = timedelta(minutes=5)
_RECOVERY = "recovery\0"  # no code has a NUL in it


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInParts:
    """What signing in is made of."""

    sessions: Sessions
    factors: Factors
    hashing: PasswordHashing
    attempts: Attempts
    sources: SourceLimiter
    trace: Trace


@dataclass(frozen=True, slots=True)
class _Somebody:
    """An account as far as signing in looks at it."""

    account_id: UUID
    code: str
    role: str


class SignIn:
    """Signing in at one site."""

    def __init__(
        self,
        parts: SignInParts,
        database: SiteDatabase,
        clock: Callable[[], datetime],
    ) -> None:
        self._parts = parts
        self._database = database
        self._site = database.site
        self._clock = clock
        self.checks: list[Check] = []
        """What else may refuse somebody who has shown who they are."""

    async def begin(self, code: str, password: str, source: str) -> str:
        """Code and password; return the secret that `finish` asks for, for 5 minutes.

        Raises SignInRefusedError, TooManyAttemptsError, BusyError.
        """
        with self._parts.sources.counted(source):
            who = await self._by_counted_password(code_or_nobodys(code), password)
            secret = new_secret(self._site)
            async with self._database.transaction() as connection:
                await connection.execute(
                    QUERIES["insert_pending"],
                    self._site,
                    digest(secret),
                    who.account_id,
                    self._clock(),
                )
                await self._parts.attempts.take_back(connection, who.code)
        return secret

    async def finish(
        self,
        pending: str,
        *,
        source: str,
        totp: str = "",
        recovery: str = "",
        proof: Proof | None = None,
    ) -> NewSession:
        """The second factor: six digits, a recovery code, or a `proof` of another one.

        Whatever is shown is used up together with `pending` and becomes one session, or
        nothing of it happens. Raises SignInRefusedError, TooManyAttemptsError.
        """
        with self._parts.sources.counted(source):
            who = await self._by_pending(pending)
            if not await self._parts.attempts.claim(who.code):
                raise await self._refused(who)
            return await self._enter(who, proof or self._shown(totp, recovery), pending)

    async def recover(
        self, code: str, password: str, recovery: str, source: str
    ) -> NewSession:
        """Password and recovery code at once: in, although others' guesses locked it.

        80 random bits need no lock; without them the password is not looked at, so
        nobody can try passwords here meanwhile. Whoever found a code is slowed down
        at that one. Raises SignInRefusedError, TooManyAttemptsError, BusyError.
        """
        with self._parts.sources.counted(source):
            found = await self._ask(
                "find_password_by_recovery",
                code_or_nobodys(code),
                recovery_digest(recovery),
            )
            may_try = found is None or await self._parts.attempts.claim(
                _RECOVERY + recovery_digest(recovery).hex()
            )
            who = await self._by_password(found, password, may_try=may_try)
            return await self._enter(who, self._parts.factors.recovery(recovery))

    async def admit(self, account_id: UUID, proof: Proof) -> NewSession:
        """A session for whoever another party vouches for, second factor and all.

        Raises SignInRefusedError where `proof` refuses, or the account has ended.
        """
        row = await self._ask("find_living", account_id)
        if row is None:
            raise await self._refused(None)
        return await self._enter(_Somebody(**dict(row)), proof)

    async def confirm(
        self,
        session: Session,
        *,
        totp: str = "",
        proof: Proof | None = None,
        shown_at: datetime | None = None,
    ) -> NewSession:
        """Show the second factor once more, for what asks for a fresh one.

        It is shown now, or was to another party, then. The session goes on under a new
        secret. Raises SignInRefusedError.
        """
        actor = session.actor
        who = _Somebody(session.account_id, actor.code, actor.role.value)
        # A proof was judged already: there is nothing to guess, nor to be locked by
        # others' guesses.
        if proof is None and not await self._parts.attempts.claim(who.code):
            raise await self._refused(who)
        shown = proof or self._parts.factors.totp(totp)
        try:
            async with self._database.transaction() as connection:
                await self._lock(connection, who)
                await shown(connection, who.account_id)
                made = await self._parts.sessions.renew(
                    connection, session.session_id, shown_at or self._clock()
                )
                await self._parts.attempts.forgive(connection, who.code)
                await self._note(connection, Act.SIGNED_IN, who, "confirmed")
        except WrongFactorError as error:
            raise await self._refused(who) from error
        return made

    # --- Who it is --------------------------------------------------------------------

    async def _by_counted_password(self, code: str, password: str) -> _Somebody:
        may_try = await self._parts.attempts.claim(code)
        found = await self._ask("find_password", code)
        try:
            return await self._by_password(found, password, may_try=may_try)
        except BusyError:  # nobody has looked at it
            if may_try:
                async with self._database.transaction() as connection:
                    await self._parts.attempts.take_back(connection, code)
            raise

    async def _by_password(
        self, row: asyncpg.Record | None, password: str, *, may_try: bool = True
    ) -> _Somebody:
        """Whose account this is. Costs a hash, also where there is none to compare."""
        stored = row["password_hash"] if row and may_try else None
        prepared = prepared_or_none(password)
        is_right = await self._parts.hashing.verify(stored, prepared or "")
        who = _Somebody(row["account_id"], row["code"], row["role"]) if row else None
        if who is None or stored is None or prepared is None or not is_right:
            raise await self._refused(who)
        await self._keep_up_with_the_times(who, stored, prepared)
        return who

    async def _ask(self, query: str, *arguments: object) -> asyncpg.Record | None:
        async with self._database.connection() as connection:
            return await connection.fetchrow(QUERIES[query], self._site, *arguments)

    async def _keep_up_with_the_times(
        self, who: _Somebody, stored: str, password: str
    ) -> None:
        """A hash of another cost is made anew while the password is known."""
        hashing = self._parts.hashing
        if not hashing.is_outdated(stored):
            return
        renewed = await hashing.hash(password)
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["renew_hash"], self._site, who.account_id, stored, renewed
            )

    async def _by_pending(self, pending: str) -> _Somebody:
        row = await self._ask("find_pending", digest(pending), self._since())
        if row is None:
            raise await self._refused(None)
        return _Somebody(**dict(row))

    async def _enter(
        self, who: _Somebody, shown: Proof, pending: str | None = None
    ) -> NewSession:
        """All that was shown is used up and becomes one session, or none of it is.

        Whoever showed everything and is suspended is told so, and noted with it.
        """
        try:
            async with self._database.transaction() as connection:
                await self._lock(connection, who)
                if pending is not None:
                    await self._use(connection, pending)
                return await self._begin(connection, who, shown)
        except WrongFactorError as error:
            raise await self._refused(who) from error
        except UnauthorizedError as error:
            await self._note_failed(who, error.error_id)
            raise

    # --- Inside the transaction -------------------------------------------------------

    async def _lock(self, connection: Connection, who: _Somebody) -> None:
        """First of all, as whoever changes or ends an account does."""
        if not await connection.fetchval(
            QUERIES["lock_living"], self._site, who.account_id
        ):
            raise WrongFactorError

    async def _use(self, connection: Connection, pending: str) -> None:
        if not await connection.fetchval(
            QUERIES["use_pending"], self._site, digest(pending), self._since()
        ):
            raise WrongFactorError

    async def _begin(
        self, connection: Connection, who: _Somebody, shown: Proof
    ) -> NewSession:
        await shown(connection, who.account_id)
        for check in self.checks:
            await check(connection, who.code)
        made = await self._parts.sessions.begin(connection, who.account_id)
        await self._parts.attempts.forgive(connection, who.code)
        await self._note(connection, Act.SIGNED_IN, who, str(made.session_id))
        return made

    def _shown(self, totp: str, recovery: str) -> Proof:
        factors = self._parts.factors
        return factors.recovery(recovery) if recovery else factors.totp(totp)

    def _since(self) -> datetime:
        return self._clock() - PENDING_FOR

    # --- Refusing ---------------------------------------------------------------------

    async def _refused(self, who: _Somebody | None) -> SignInRefusedError:
        """On the trace first, also for a code nobody has, which it does not name."""
        await self._note_failed(who)
        return SignInRefusedError(fix="wait, or ask your administrator")

    async def _note_failed(self, who: _Somebody | None, why: str = "") -> None:
        async with self._database.transaction() as connection:
            await self._note(connection, Act.SIGN_IN_FAILED, who, why)

    async def _note(
        self, connection: Connection, act: Act, who: _Somebody | None, about: str
    ) -> None:
        code, role = (who.code, who.role) if who else ("", "")
        await self._parts.trace.note_in(connection, Entry(act, code, role, about=about))
