"""Attempts that were refused: kept, counted, said in the log, and raised again."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from proxy.access.permissions import Actor, Permission, Subject, permits
from proxy.database.pool import SiteDatabase
from proxy.errors import ForbiddenRoleError, PolicyRefusedError, PonctuelError
from proxy.governance.store import By, Event, Store
from sampling.lifecycle import Move

log = structlog.get_logger()

DRAFT, STOP, RESUME, CLOSE_BREAKER = "draft", "stop", "resume", "close_breaker"
_PERMISSIONS: Mapping[str, Permission] = {
    DRAFT: Permission.POLICY_DRAFT,
    Move.EDIT: Permission.POLICY_DRAFT,
    Move.SIMULATE: Permission.SIMULATION_RUN,
    Move.PROPOSE: Permission.POLICY_PROPOSE,
    Move.APPROVE: Permission.POLICY_APPROVE,
    Move.REFUSE: Permission.POLICY_APPROVE,
    Move.WITHDRAW: Permission.POLICY_APPROVE,
    STOP: Permission.POLICY_STOP,
    RESUME: Permission.POLICY_RESUME,
    CLOSE_BREAKER: Permission.BREAKER_CLOSE,
}
# Of these also an attempt by somebody whose role it is not for is kept.
ON_RECORD = frozenset(_PERMISSIONS.values()) - {Permission.SIMULATION_RUN}


class Refusals:
    """One site's refused attempts."""

    def __init__(self, database: SiteDatabase, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    @asynccontextmanager
    async def noted(
        self, actor: Actor, move: str, number: int | None = None
    ) -> AsyncIterator[None]:
        """Something a person does. Whatever is refused inside is kept and counted."""
        try:
            if not permits(actor, _PERMISSIONS[move], Subject(self._database.site)):
                raise ForbiddenRoleError(f"{move} is not for a {actor.role} here")
            yield
        except PolicyRefusedError as error:
            await self._keep_if_possible(actor, move, number, error)
            raise

    async def _keep_if_possible(
        self, actor: Actor, move: str, number: int | None, error: PolicyRefusedError
    ) -> None:
        """That it could not be kept must not hide why it was refused."""
        try:
            await self.keep(actor, move, error.detail, number)
        except PonctuelError as fault:
            log.warning("refusal not kept", move=move, problem=fault.error_id)

    async def keep(
        self, actor: Actor | None, move: str, why: str, number: int | None = None
    ) -> None:
        """Of nobody known it is only counted: a stranger must not fill tables."""
        site = self._database.site
        log.warning("refused to move a policy", site=site, move=move)
        async with self._database.transaction() as connection:
            store = Store(connection, site)
            if actor is None:
                await store.count_refused()
                return
            by, now = By.of(actor), self._clock()
            await store.note(
                Event(by, move, now, number, {"why": why}, is_refused=True)
            )
