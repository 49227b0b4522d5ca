"""What a replica knows of its site's policies; it learns of new ones as it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from proxy.database.pool import Connection
from proxy.intake.documents import UnreadablePolicyError
from proxy.intake.policies import check_decided, read_schedule
from proxy.intake.store import QUERIES
from sampling.mixing import Mode
from sampling.schedule import PolicySchedule

_NONE = -1  # no head has it: nothing is drawn


@dataclass(slots=True)
class PolicyBook:
    """The schedule everything on this replica goes by.

    `mode` is for epochs before there is a policy.
    """

    site: str
    mode: Mode
    epoch_seconds: int
    schedule: PolicySchedule = field(init=False)
    is_readable: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        self.schedule = PolicySchedule.empty(self.mode)

    @property
    def version(self) -> int:
        """The newest version known here, whether or not it holds already.

        None there is while something people have decided cannot be read.
        """
        return self.schedule.newest_version if self.is_readable else _NONE

    async def learn(self, connection: Connection) -> None:
        """Read everything that has been adopted, or will be.

        Raises UnreadablePolicyError; then what was known before stays, and nothing is
        drawn by it.
        """
        with self._closed_if_unreadable():
            self.schedule = await read_schedule(
                connection, self.site, self.mode, self.epoch_seconds
            )
            await check_decided(connection, self.site)
        self.is_readable = True

    async def keep_up(self, connection: Connection) -> None:
        """Learn, if there is something new. Raises UnreadablePolicyError."""
        newest = await connection.fetchval(QUERIES["find_policy_version"], self.site)
        if newest != self.version:
            await self.learn(connection)
        with self._closed_if_unreadable():
            await check_decided(connection, self.site)

    @contextmanager
    def _closed_if_unreadable(self) -> Iterator[None]:
        try:
            yield
        except UnreadablePolicyError:
            self.is_readable = False
            raise
