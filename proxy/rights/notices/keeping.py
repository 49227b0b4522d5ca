"""Every text that was in force, with the day it began: what was said, and when.

Whoever inspects a recording of March asks what its caller could have read in March.
Texts are added when they change and never altered (GDPR Art. 5(2), 7(1)).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product

import asyncpg
import structlog

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.letters.checking import LetterFactError
from proxy.letters.facts import Processing
from proxy.letters.notices import Notice, NoticeKind, announcement, notice
from proxy.letters.speech import LANGUAGES, Language
from proxy.rights.notices.telling import NoticeConfig, processing
from sampling.policy import SamplingPolicy

log = structlog.get_logger()

QUERIES = queries_beside(__file__)
_MADE: Mapping[NoticeKind, Callable[[Processing, Language], Notice]] = {
    NoticeKind.ANNOUNCEMENT: announcement,
    NoticeKind.NOTICE: notice,
}


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A text that was in force; `ended_at` is None while it is."""

    notice: Notice
    began_at: datetime
    ended_at: datetime | None


class Notices:
    """One site's announcement and notice. `policy` is the one in force."""

    def __init__(
        self,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        config: NoticeConfig,
        policy: Callable[[], SamplingPolicy],
    ) -> None:
        self._database = database
        self._site = database.site
        self._clock = clock
        self._config = config
        self._policy = policy

    def processing(self) -> Processing:
        """What is done here now; access requests are told the same (Art. 15(1))."""
        return processing(self._config, self._policy(), self._clock().date())

    def current(self, kind: NoticeKind, language: Language) -> Notice:
        """Made anew from what is in force. Raises LetterFactError."""
        return _MADE[kind](self.processing(), language)

    async def keep(self) -> int:
        """Write down what changed; how many texts did. Safe to repeat.

        While the settings do not say who is responsible there is no text to keep:
        `ponctuel doctor` says so. Raises DatabaseUnavailableError.
        """
        try:
            texts = [self.current(*each) for each in product(NoticeKind, LANGUAGES)]
        except LetterFactError as error:
            log.info("no notice can be made", site=self._site, field=error.field)
            return 0
        return await self._keep(texts)

    async def _keep(self, texts: list[Notice]) -> int:
        async with self._database.transaction() as connection:
            rows = await connection.fetch(QUERIES["find_notices_in_force"], self._site)
            known = {(row["kind"], row["language"]): row["version"] for row in rows}
            new = [
                each
                for each in texts
                if known.get((each.kind, each.language)) != each.version
            ]
            await connection.executemany(
                QUERIES["insert_notice"], [self._row(each) for each in new]
            )
        return len(new)

    def _row(self, text: Notice) -> tuple[object, ...]:
        written = (text.kind, text.language, text.version, text.text)
        return (self._site, *written, self._clock())

    async def history(self) -> list[KeptNotice]:
        """Every text there was and is, the newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["list_notices"], self._site)
        return [_read(row) for row in rows]


def _read(row: asyncpg.Record) -> KeptNotice:
    text = Notice(NoticeKind(row["kind"]), row["language"], row["text"])
    return KeptNotice(text, row["began_at"], row["ended_at"])
