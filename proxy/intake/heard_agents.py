"""How often each agent was heard, for campaigns in which all shall be."""

from datetime import datetime

from proxy.database.pool import SiteDatabase
from proxy.intake.policy_book import PolicyBook
from proxy.intake.store import QUERIES


class HeardAgents:
    """One site's numbers of calls for each agent, under keyed names."""

    def __init__(self, database: SiteDatabase, policies: PolicyBook) -> None:
        self._database = database
        self._policies = policies

    async def forget(self, now: datetime) -> None:
        """They are of no use once their campaign is over."""
        schedule = self._policies.schedule
        if (
            not schedule.newest_version
        ):  # not read yet: none of them is known to be over
            return
        today = now.date()
        running = [
            conditions.starts_on
            for entry in schedule.entries
            for conditions in (entry.policy, *entry.policy.strata)
            if conditions.is_running(today)
        ]
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["forget_agent_calls"], self._database.site, today, running
            )
