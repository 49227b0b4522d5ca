"""What a replica knows of its site's policies; it learns of new ones as it runs."""

from dataclasses import dataclass, field

from proxy.database.pool import Connection
from proxy.intake.policies import read_schedule
from proxy.intake.store import QUERIES
from sampling.mixing import Mode
from sampling.schedule import PolicySchedule


@dataclass(slots=True)
class PolicyBook:
    """The schedule everything on this replica goes by.

    `mode` is for epochs before there is a policy.
    """

    site: str
    mode: Mode
    epoch_seconds: int
    schedule: PolicySchedule = field(init=False)

    def __post_init__(self) -> None:
        self.schedule = PolicySchedule.empty(self.mode)

    @property
    def version(self) -> int:
        """The newest version known here, whether or not it holds already."""
        return self.schedule.newest_version

    async def learn(self, connection: Connection) -> None:
        """Read everything that has been adopted.

        Raises UnreadablePolicyError; then what was known before stays, and nothing is
        drawn by it, because it is not the newest.
        """
        self.schedule = await read_schedule(
            connection, self.site, self.mode, self.epoch_seconds
        )

    async def keep_up(self, connection: Connection) -> None:
        """Learn, if there is something new."""
        newest = await connection.fetchval(QUERIES["find_policy_version"], self.site)
        if newest != self.version:
            await self.learn(connection)
