"""What somebody does to their own account, being signed in.

Each asks once more for what only they have: whoever finds a browser open is not to
keep the account.
"""

from proxy.access.accounts.accounts import Accounts
from proxy.access.accounts.attempts import Attempts
from proxy.access.accounts.factors import Factors
from proxy.access.accounts.faults import WrongFactorError, WrongPasswordError
from proxy.access.accounts.hashing import PasswordHashing
from proxy.access.accounts.passwords import check_in_thread, prepared_or_none
from proxy.access.accounts.sessions import NewSession, Session, Sessions
from proxy.access.trace.acts import Act
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase

QUERIES = queries_beside(__file__)


class OwnAccount:
    """For the accounts of one site, each to its own."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        factors: Factors,
        hashing: PasswordHashing,
        attempts: Attempts,
        database: SiteDatabase,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._factors = factors
        self._hashing = hashing
        self._attempts = attempts
        self._database = database
        self._site = database.site

    async def change_password(
        self, own: Session, present: str, password: str
    ) -> NewSession:
        """Other sessions end; this one goes on under a new secret.

        Raises WrongPasswordError, WeakPasswordError, BusyError.
        """
        await self._check(own, present)
        known = (own.actor.code, self._site)
        hashed = await self._hashing.hash(await check_in_thread(password, known))
        async with self._database.transaction() as connection:
            await self._accounts.lock_living(connection, own.actor.code)
            await connection.execute(
                QUERIES["set_password"], self._site, own.account_id, hashed
            )
            made = await self._sessions.renew_alone(connection, own)
            await self._succeeded(connection, own, Act.ACCOUNT_CHANGED)
        return made

    async def renew_recovery_codes(self, own: Session, totp: str) -> tuple[str, ...]:
        """Ten in place of those there were, shown only now.

        Raises WrongFactorError.
        """
        if not await self._attempts.claim(own.actor.code):
            raise WrongFactorError
        try:
            async with self._database.transaction() as connection:
                await self._accounts.lock_living(connection, own.actor.code)
                await self._factors.totp(totp)(connection, own.account_id)
                codes = await self._factors.new_recovery(connection, own.account_id)
                await self._succeeded(connection, own, Act.FACTOR_SET)
        except WrongFactorError:
            await self._failed(own)
            raise
        return codes

    async def recovery_codes_left(self, own: Session) -> int:
        async with self._database.connection() as connection:
            left = await connection.fetchval(
                QUERIES["count_recovery_codes"], self._site, own.account_id
            )
        return int(left)

    async def _check(self, own: Session, present: str) -> None:
        """Guesses count here as they do at the door."""
        may_try = await self._attempts.claim(own.actor.code)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_password"], self._site, own.actor.code
            )
        prepared = prepared_or_none(present)
        stored = row["password_hash"] if row and may_try and prepared else None
        if not await self._hashing.verify(stored, prepared or "") or not stored:
            await self._failed(own)
            raise WrongPasswordError(field="current")
        async with self._database.connection() as connection:
            await self._attempts.take_back(connection, own.actor.code)

    async def _failed(self, own: Session) -> None:
        """Whoever sits at somebody's open browser is on the trace too."""
        async with self._database.transaction() as connection:
            await self._accounts.note(
                connection, Act.SIGN_IN_FAILED, own.actor, own.actor.code
            )

    async def _succeeded(self, connection: Connection, own: Session, act: Act) -> None:
        await self._attempts.forgive(connection, own.actor.code)
        await self._accounts.note(connection, act, own.actor, own.actor.code)
