"""Signing in by an OpenID provider: the authorization code flow with PKCE.

For pages, in this order:

1. `begin()` gives an address to send the browser to, and a secret for its cookie
   `COOKIE` (HttpOnly, Secure, Path=/, ten minutes, SameSite=Lax: it has to come along
   when the provider sends the browser back).
2. The provider sends the browser to `CALLBACK` (registered there with `public_url`
   before it). That page passes its whole query, and the cookie, to `finish`, and takes
   the cookie away. Session cookies are SameSite=Strict and stay behind on the way back
   from the provider: so the page answers 200 and goes on by itself (a refresh of no
   seconds and a link), never by a redirect. For who is signed in already (LINK, AGAIN)
   the secret is in a Strict cookie too: without COOKIE the page calls nothing and goes
   on to one with the same query, where session and secret have come along.
3. `finish` gives a NewSession; or Halfway, where the provider saw no second factor:
   then `SignIn.finish` asks for ours, with its secret as `pending`; or Linked.

Its errors say what to do next and nothing more; the trace has a word of `Why`.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

import structlog

from proxy.access.accounts.accounts import Accounts
from proxy.access.accounts.sessions import NewSession, Session, Sessions
from proxy.access.accounts.sign_in import SignIn
from proxy.access.accounts.sources import SourceLimiter
from proxy.access.accounts.tokens import digest, new_secret
from proxy.access.oidc.keys import Header
from proxy.access.oidc.people import Known, SsoPeople, role_of
from proxy.access.oidc.protocol import LEEWAY_SECONDS, Expected, Question
from proxy.access.oidc.provider import Provider
from proxy.access.oidc.refusals import (
    NoSingleSignOnError,
    NotAdmittedError,
    ProviderFaultError,
    SingleSignOnRefusedError,
    Why,
)
from proxy.access.oidc.states import Keyed, Purpose, State, States
from proxy.access.oidc.tokens import Shown, verify
from proxy.access.oidc_config import OidcConfig
from proxy.access.permissions import Role
from proxy.access.surroundings import Seal
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase

QUERIES = queries_beside(__file__)
log = structlog.get_logger()

CALLBACK = "/console/sign-in/sso/back"
COOKIE = "__Host-ponctuel-sso"
# A second factor shown at the provider this morning does for the day.
SHOWN_WITHIN = timedelta(hours=8)
LONGEST_CODE = 4096  # characters
_LEEWAY = timedelta(seconds=LEEWAY_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcParts:
    """What single sign-on leads to."""

    accounts: Accounts
    sessions: Sessions
    sign_in: SignIn
    sources: SourceLimiter
    trace: Trace
    seal: Seal


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and the secret it keeps meanwhile."""

    address: str
    secret: str


@dataclass(frozen=True, slots=True)
class Halfway:
    """The provider knows them; a second factor of ours is still to be shown."""

    pending: str


@dataclass(frozen=True, slots=True)
class Linked:
    """From now on the provider can sign them in."""


Arrived = NewSession | Halfway | Linked


class Oidc:
    """One site's single sign-on; off without a provider and an origin of our own."""

    def __init__(
        self,
        parts: OidcParts,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        config: OidcConfig | None,
        origin: str,
    ) -> None:
        self._parts = parts
        self._database = database
        self._site = database.site
        self._clock = clock
        self._config = config
        self._origin = origin
        self._provider = Provider(config, clock) if config else None
        self._states = States(database, clock)
        self._keyed = Keyed(parts.seal)
        self._people = SsoPeople(
            database, parts.accounts, parts.sessions, parts.trace, clock
        )
        self.untie = self._people.untie

    @property
    def is_on(self) -> bool:
        return self._config is not None and bool(self._origin)

    @property
    def shows_factors(self) -> bool:
        """Whether the provider has words for a second factor, which it saw."""
        config = self._config
        return self.is_on and config is not None and bool(config.acr or config.amr)

    async def begin(
        self, purpose: Purpose = Purpose.SIGN_IN, session: Session | None = None
    ) -> Begun:
        """Send somebody to the provider; LINK and AGAIN are for who is signed in.

        LINK asks for a second factor shown in the last five minutes. Raises
        NoSingleSignOnError, ProviderFaultError, StaleFactorError.
        """
        config, provider = self._on()
        if (session is None) is not (purpose is Purpose.SIGN_IN):
            raise SingleSignOnRefusedError(Why.STATE)
        if session and purpose is Purpose.LINK:
            session.check_fresh(self._clock())
        description = await provider.describe()
        secret = await self._states.begin(
            purpose, session.session_id if session else None
        )
        told = self._keyed.secrets(secret)
        question = Question(
            client_id=config.client_id,
            redirect_uri=self._origin + CALLBACK,
            scopes=config.scopes,
            state=told.state,
            nonce=told.nonce,
            verifier=told.verifier,
            max_age=int(SHOWN_WITHIN.total_seconds()),
            is_fresh=purpose is Purpose.AGAIN,
        )
        return Begun(question.address(description.authorization), secret)

    async def finish(
        self,
        secret: str,
        query: Mapping[str, str],
        source: str,
        session: Session | None = None,
    ) -> Arrived:
        """What came back: `secret` from the cookie, `query` of the address.

        Raises NoSingleSignOnError, ProviderFaultError, SingleSignOnRefusedError,
        TooManyAttemptsError, SignInRefusedError.
        """
        self._on()
        self._parts.sources.claim(source)
        try:
            arrived = await self._finish(secret, query, session)
        except SingleSignOnRefusedError as refusal:
            await self._refused(refusal.why)
            raise
        except ProviderFaultError as fault:
            log.warning("identity provider failed", site=self._site, why=str(fault))
            self._parts.sources.give_back(source)
            await self._refused(Why.PROVIDER)
            raise
        self._parts.sources.give_back(source)
        return arrived

    async def close(self) -> None:
        if self._provider:
            await self._provider.close()

    async def _finish(
        self, secret: str, query: Mapping[str, str], session: Session | None
    ) -> Arrived:
        """In this order; whatever fails ends it.

        1. It is the answer to a question of this browser's, asked once.
        2. It comes from the provider that was asked.
        3. The provider gives a token for it, which holds.
        4. Their groups make them something here.
        """
        state = await self._asked(secret, query, session)
        await self._check_issuer(query)
        if "error" in query or not 0 < len(query.get("code", "")) <= LONGEST_CODE:
            raise SingleSignOnRefusedError(Why.PROVIDER_SAID_NO)
        shown = await self._shown(secret, query["code"])
        subject = self._keyed.subject(self._on()[0].issuer, shown.subject)
        role = role_of(shown.groups, self._on()[0])
        if role is None:
            await self._shut_out(subject)
        if session is None:
            return await self._enter(subject, role, shown)
        if state.purpose is Purpose.LINK:
            await self._people.link(subject, session, role)
            return Linked()
        return await self._confirm(session, subject, role, shown, state)

    async def _asked(
        self, secret: str, query: Mapping[str, str], session: Session | None
    ) -> State:
        expected = self._keyed.secrets(secret).state
        if not hmac.compare_digest(query.get("state", "").encode(), expected.encode()):
            raise SingleSignOnRefusedError(Why.STATE)
        state = await self._states.use(secret)
        if state.session_id != (session.session_id if session else None):
            raise SingleSignOnRefusedError(Why.STATE)
        return state

    async def _check_issuer(self, query: Mapping[str, str]) -> None:
        """RFC 9207: so that one provider's answer is not taken for another's."""
        config, provider = self._on()
        description = await provider.describe()
        said = query.get("iss")
        if said is None and not description.names_itself:
            return
        if said != config.issuer:
            raise SingleSignOnRefusedError(Why.ISSUER)

    async def _shown(self, secret: str, code: str) -> Shown:
        config, provider = self._on()
        told = self._keyed.secrets(secret)
        tokens = await provider.exchange(code, told.verifier, self._origin + CALLBACK)
        header = Header.read(tokens.id_token)
        keys = await provider.keys(header)
        expected = Expected(
            config.issuer, config.client_id, told.nonce, tokens.access_token
        )
        key = keys.of(header)
        return verify(
            tokens.id_token, key, expected, self._clock(), config.groups_claim
        )

    async def _shut_out(self, subject: bytes) -> NoReturn:
        known = await self._people.find(subject)
        if known:
            await self._people.shut_out(known)
        raise NotAdmittedError(Why.GROUP)

    async def _enter(self, subject: bytes, role: Role, shown: Shown) -> Arrived:
        has_factor = self._saw_factor(shown) and (
            shown.factor_at is None or self._clock() - shown.factor_at <= SHOWN_WITHIN
        )
        known = await self._people.find(subject)
        if known is None:
            if not has_factor:
                raise NotAdmittedError(Why.FACTOR)
            known = await self._people.make(subject, role)
        known = await self._people.follow(known, role)
        if not has_factor:
            return await self._halfway(known)
        made = await self._parts.sign_in.admit(
            known.account_id, self._people.proof(known)
        )
        # Where it is not said when, it is fresh for nothing.
        factor_at = shown.factor_at or self._clock() - SHOWN_WITHIN
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["date_factor"], self._site, made.session_id, factor_at
            )
        return made

    async def _halfway(self, known: Known) -> Halfway:
        pending = new_secret(self._site)
        async with self._database.connection() as connection:
            made = await connection.fetchval(
                QUERIES["insert_halfway"],
                self._site,
                digest(pending),
                known.account_id,
                self._clock(),
            )
        if made is None:
            raise NotAdmittedError(Why.ACCOUNT)
        return Halfway(pending)

    async def _confirm(
        self, session: Session, subject: bytes, role: Role, shown: Shown, state: State
    ) -> NewSession:
        known = await self._people.find(subject)
        is_them = known is not None and known.account_id == session.account_id
        # They were to sign in anew: an older sign-in would show nothing.
        if not is_them or known is None or known.role is not role:
            raise SingleSignOnRefusedError(Why.ACCOUNT)
        since, shown_at = state.made_at - _LEEWAY, shown.factor_at
        # That it was asked to have them sign in anew shows nothing: whoever holds the
        # browser can strike that out. Asked for a time it must give one (OpenID Connect
        # Core 3.1.2.1, max_age); from one that does not, nothing is believed.
        if shown_at is None or shown_at < since or not self._saw_factor(shown):
            raise SingleSignOnRefusedError(Why.FACTOR)
        return await self._parts.sign_in.confirm(
            session, proof=self._people.proof(known), shown_at=shown_at
        )

    def _saw_factor(self, shown: Shown) -> bool:
        """Whether the provider says that they showed it two factors."""
        config, _ = self._on()
        return shown.acr in config.acr or bool(shown.amr & config.amr)

    def _on(self) -> tuple[OidcConfig, Provider]:
        if self._config is None or self._provider is None or not self._origin:
            raise NoSingleSignOnError(
                field="access.oidc", fix="set it, and access.public_url"
            )
        return self._config, self._provider

    async def _refused(self, why: Why) -> None:
        log.info("single sign-on refused", site=self._site, why=why.value)
        entry = Entry(Act.SIGN_IN_FAILED, "", "", about=why.value)
        await self._parts.trace.note(entry)
