"""Second factors: what else than the password shows that it is them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from proxy.access.accounts.faults import WrongFactorError
from proxy.access.accounts.recovery import new_codes, recovery_digest
from proxy.access.accounts.totp import SECRET_SIZE, accepted_step
from proxy.access.surroundings import Seal
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.errors import TamperedError

QUERIES = queries_beside(__file__)

# Checks, inside the transaction that makes a session of it, that somebody has shown a
# factor of this account, and uses it up. Raises WrongFactorError.
Proof = Callable[[Connection, UUID], Awaitable[None]]


class Factors:
    """One site's TOTP secrets and recovery codes."""

    def __init__(self, site: str, seal: Seal, clock: Callable[[], datetime]) -> None:
        self._site = site
        self._seal = seal
        self._clock = clock

    def totp(self, shown: str) -> Proof:
        """Six digits of the app."""

        async def check(connection: Connection, account_id: UUID) -> None:
            sealed = await connection.fetchval(
                QUERIES["find_totp"], self._site, account_id
            )
            step = self._step(sealed, shown) if sealed else None
            used = step is not None and await connection.fetchval(
                QUERIES["use_totp_step"], self._site, account_id, step
            )
            if not used:
                raise WrongFactorError

        return check

    def recovery(self, shown: str) -> Proof:
        """One of the ten codes; it is gone with the transaction that uses it."""

        async def check(connection: Connection, account_id: UUID) -> None:
            used = await connection.fetchval(
                QUERIES["use_recovery_code"],
                self._site,
                account_id,
                recovery_digest(shown),
            )
            if used is None:
                raise WrongFactorError

        return check

    def seal_opening(self, invitation: bytes, totp: bytes) -> str:
        """A new secret, for a form to carry back, of this invitation's digest alone."""
        return urlsafe_b64encode(self._seal.wrap_service(invitation + totp)).decode()

    def unseal_opening(self, invitation: bytes, opening: str) -> bytes:
        """The secret of it. Raises WrongFactorError for any other opening."""
        unknown = WrongFactorError(field="opening", fix="open the invitation again")
        try:
            told = self._seal.unwrap_service(urlsafe_b64decode(opening))
        except (ValueError, TamperedError) as error:
            raise unknown from error
        if told[:-SECRET_SIZE] != invitation:
            raise unknown
        return told[-SECRET_SIZE:]

    def first_totp(self, invitation: bytes, opening: str, shown: str) -> Proof:
        """Makes the secret of an opening the account's, if the app has it.

        Raises WrongFactorError, as `unseal_opening` does.
        """
        totp = self.unseal_opening(invitation, opening)
        sealed = self._seal.wrap_service(totp)

        async def keep(connection: Connection, account_id: UUID) -> None:
            step = self._step(sealed, shown)
            if step is None:
                raise WrongFactorError(fix="is the telephone's clock right?")
            await connection.execute(
                QUERIES["set_totp"], self._site, account_id, sealed, step
            )

        return keep

    async def new_recovery(
        self, connection: Connection, account_id: UUID
    ) -> tuple[str, ...]:
        """Ten codes in place of those there were."""
        codes = new_codes()
        await connection.execute(
            QUERIES["delete_recovery_codes"], self._site, account_id
        )
        await connection.execute(
            QUERIES["insert_recovery_codes"],
            self._site,
            account_id,
            [recovery_digest(code) for code in codes],
        )
        return codes

    def _step(self, sealed: bytes, shown: str) -> int | None:
        return accepted_step(self._seal.unwrap_service(sealed), shown, self._clock())
