"""One site's people and traces, joined."""

from datetime import datetime

from proxy.access.accounts.accounts import Accounts
from proxy.access.accounts.attempts import Attempts
from proxy.access.accounts.factors import Factors
from proxy.access.accounts.hashing import PasswordHashing
from proxy.access.accounts.invitations import Invitations
from proxy.access.accounts.own import OwnAccount
from proxy.access.accounts.sessions import Sessions
from proxy.access.accounts.sign_in import SignIn, SignInParts
from proxy.access.accounts.sources import SourceLimiter
from proxy.access.api_keys.keys import ApiKeys
from proxy.access.grants.giving import Grants
from proxy.access.habilitations.reviewing import Habilitations
from proxy.access.habilitations.standing import Standing, standing
from proxy.access.oidc.sign_in import Oidc, OidcParts
from proxy.access.oversight import Oversight
from proxy.access.passkeys.passkeys import PasskeyParts, Passkeys
from proxy.access.permissions import Role
from proxy.access.surroundings import Surroundings
from proxy.access.trace.trace import Trace


class SiteAccess:
    """Everything about who may and who did, at one site."""

    def __init__(
        self, given: Surroundings, hashing: PasswordHashing | None = None
    ) -> None:
        self.site = given.ledger.site
        self.config = given.config
        database, clock = given.ledger.database, given.clock
        self.trace = Trace(database, clock)
        self.oversight = Oversight(given, self.trace)
        self.watch, self.reviews = self.oversight.watch, self.oversight.reviews
        self.break_glass = self.oversight.break_glass
        self._join_accounts(given, hashing or PasswordHashing())
        self.grants = Grants(
            database,
            clock,
            self.trace,
            self.role_of,
            given.config.practices,
            [self.break_glass.grants_of],
        )
        self.accounts.withdraws.append(self.grants.end_all_of)
        self.api_keys = ApiKeys(database, clock, self.trace, self.role_of)
        self.habilitations = Habilitations(given.ledger, clock, self.trace, self.look)
        self._clock = clock

    def _join_accounts(self, given: Surroundings, hashing: PasswordHashing) -> None:
        database, clock = given.ledger.database, given.clock
        name_agent, config = given.name_agent, given.config
        self.sessions = Sessions(database, self.trace, clock, config)
        self.accounts = Accounts(
            self.sessions, database, self.trace, clock, name_agent, config.listed
        )
        factors = Factors(self.site, given.seal, clock)
        self.invitations = Invitations(
            self.accounts, database, hashing, factors, self.trace, clock
        )
        attempts = Attempts(database, name_agent, clock)
        self.own = OwnAccount(
            self.accounts, self.sessions, factors, hashing, attempts, database
        )
        parts = SignInParts(
            sessions=self.sessions,
            factors=factors,
            hashing=hashing,
            attempts=attempts,
            sources=SourceLimiter(clock),
            trace=self.trace,
        )
        self.sign_in = SignIn(parts, database, clock)
        self.sign_in.checks.extend([self.accounts.check_in, self.break_glass.check_in])
        self._join_other_ways(given, parts.sources)

    def _join_other_ways(self, given: Surroundings, sources: SourceLimiter) -> None:
        """To sign in: with a passkey, and at an organisation's own provider."""
        database, clock, config = given.ledger.database, given.clock, given.config
        beside = PasskeyParts(
            sessions=self.sessions,
            sign_in=self.sign_in,
            sources=sources,
            trace=self.trace,
        )
        self.passkeys = Passkeys(beside, database, clock, config.public_url)
        self.accounts.forgets.append(self.passkeys.forget)
        elsewhere = OidcParts(
            accounts=self.accounts,
            sessions=self.sessions,
            sign_in=self.sign_in,
            sources=sources,
            trace=self.trace,
            seal=given.seal,
        )
        self.oidc = Oidc(elsewhere, database, clock, config.oidc, config.public_url)
        self.accounts.resets.append(self.oidc.untie)

    async def look(self) -> Standing:
        """Who may what at this moment."""
        return standing(
            self.config.listed,
            await self.accounts.list(),
            await self.grants.list(),
            await self.api_keys.list(),
            self._clock(),
        )

    async def figures(self, now: datetime) -> dict[tuple[str, ...], float]:
        """What nobody has decided, reviewed or signed yet, by metric and label."""
        told = await self.oversight.figures(now)
        return {
            **told,
            ("reviews_overdue", "grants"): await self.habilitations.overdue(),
        }

    async def role_of(self, code: str) -> Role | None:
        """What somebody is; None where nobody has this code, or has left."""
        return self.config.listed.get(code) or await self.accounts.role_of(code)
