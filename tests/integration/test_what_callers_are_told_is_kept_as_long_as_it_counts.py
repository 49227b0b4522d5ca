"""An inspector reads what could be read on the day of a recording."""

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from proxy.database.forgetting import QUERIES as FORGETTING
from proxy.database.pool import open_pool
from proxy.errors import DatabaseUnavailableError
from proxy.letters.notices import NoticeKind
from proxy.letters.speech import LANGUAGES
from proxy.rights.notices.keeping import Notices
from tests.fakes.told import CONFIG, policy

TEXTS = len(NoticeKind) * len(LANGUAGES)


class Told:
    """A site's notices, and a policy that can be changed under them."""

    def __init__(self, database, clock):
        self.policy = policy()
        self.database = database
        self.clock = clock
        self.notices = self.with_settings(CONFIG)

    def with_settings(self, config):
        return Notices(self.database, self.clock, config, lambda: self.policy)

    async def notice(self):
        history = await self.notices.history()
        return [
            each
            for each in history
            if (each.notice.kind, each.notice.language) == (NoticeKind.NOTICE, "fr")
        ]


@pytest.fixture
def told(database, clock):
    return Told(database, clock)


async def test_it_is_kept_once_and_from_the_day_it_began(told, clock):
    first, second = await told.notices.keep(), await told.notices.keep()

    [kept] = await told.notice()
    assert (first, second) == (TEXTS, 0)
    assert (kept.began_at, kept.ended_at) == (clock(), None)
    assert kept.notice == told.notices.current(NoticeKind.NOTICE, "fr")


async def test_a_changed_policy_leaves_both_texts_with_their_days(told, clock):
    await told.notices.keep()
    began = clock()
    clock.advance(days=3)
    told.policy = replace(told.policy, kept_days=20)

    assert await told.notices.keep() == TEXTS

    new, old = await told.notice()
    assert (old.began_at, old.ended_at) == (began, clock())
    assert (new.began_at, new.ended_at) == (clock(), None)
    assert "45\u00a0jours" in old.notice.text
    assert "20\u00a0jours" in new.notice.text


async def test_a_text_that_comes_back_is_in_force_again(told, clock):
    before = told.policy
    for changed in (before, replace(before, kept_days=20), before):
        told.policy = changed
        await told.notices.keep()
        clock.advance(days=1)

    versions = [each.notice.version for each in await told.notice()]
    assert versions[0] == versions[2] != versions[1]


async def test_two_replicas_that_notice_one_change_write_it_once(told):
    other = told.with_settings(CONFIG)

    await told.notices.keep()
    told.clock.advance(seconds=1)
    await other.keep()

    assert len(await told.notice()) == 1


async def test_without_a_controller_nothing_is_kept_and_nothing_claimed(told):
    nobody = replace(CONFIG, desk=replace(CONFIG.desk, controller=""))

    assert await told.with_settings(nobody).keep() == 0
    assert await told.notices.history() == []


async def test_nobody_at_the_service_alters_what_was_said(told):
    await told.notices.keep()

    with pytest.raises(DatabaseUnavailableError) as refused:
        async with told.database.connection() as connection:
            await connection.execute("UPDATE notices SET text = 'otherwise'")

    assert isinstance(refused.value.__cause__, asyncpg.InsufficientPrivilegeError)


async def test_what_was_replaced_goes_in_time_and_what_holds_stays(told, clock):
    await told.notices.keep()
    told.policy = replace(told.policy, kept_days=20)
    clock.advance(days=2000)
    await told.notices.keep()
    forget = FORGETTING["forget_notices"]

    async with told.database.connection() as connection:
        early = clock() - timedelta(seconds=1)
        assert await connection.fetchval(forget, "clinic", early, 100) == 0
        assert await connection.fetchval(forget, "clinic", clock(), 100) == TEXTS

    [left] = await told.notice()
    assert left.ended_at is None


async def test_another_sites_texts_are_not_seen(told, dsn):
    await told.notices.keep()
    other = await open_pool(dsn, "other", 2)
    try:
        there = Notices(other, told.clock, CONFIG, policy)
        assert await there.history() == []
    finally:
        await other.close()
