"""Calls that got no draw: never recorded, counted by reason when the database is back.

Some are doubtful: the draw may have been committed although the database's answer was
lost. Whether they were drawn after all is asked when it answers again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from proxy.errors import (
    DatabaseUnavailableError,
    KeyMissingError,
    NoOutsideValueError,
    PonctuelError,
    StorageError,
    TamperedError,
)
from proxy.intake.binds import Bind, ClockFaultError, DeadlineError, StalePolicyError
from proxy.intake.epochs import NoSeedError
from proxy.intake.store import find_drawn
from proxy.ledger.transaction import Ledger, LedgerWentBackError

MOST_DOUBTFUL = 100_000
OVERLOAD = "overload"
_CODES: Mapping[type[PonctuelError], str] = {
    ClockFaultError: "clock",
    DatabaseUnavailableError: "store",
    DeadlineError: "late",
    LedgerWentBackError: "store",
    NoOutsideValueError: "mixin",
    NoSeedError: "seed",
    StalePolicyError: "policy",
    KeyMissingError: "seed",
    TamperedError: "seed",
    StorageError: "store",
}


class Voids:
    """One site's calls without a draw since the last publication.

    `counted` by code and stratum.
    """

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self._doubtful: dict[tuple[bytes, ...], str] = {}

    def note(self, bind: Bind, error: PonctuelError) -> None:
        """Count a bind that failed; one whose answer was lost, when it is known."""
        is_doubtful = isinstance(error, DatabaseUnavailableError)
        if is_doubtful and len(self._doubtful) < MOST_DOUBTFUL:
            self._doubtful[bind.names] = bind.stratum
        else:
            self.count(error, bind.stratum)

    def count(self, error: PonctuelError, stratum: str) -> None:
        codes = (code for kind, code in _CODES.items() if isinstance(error, kind))
        self.counted[next(codes, OVERLOAD), stratum] += 1

    async def settle(self, ledger: Ledger) -> None:
        """Count as void what was not drawn after all, now that the database answers."""
        doubtful = dict(self._doubtful)
        if not doubtful:
            return
        async with ledger.database.connection() as connection:
            every_name = [name for names in doubtful for name in names]
            drawn = await find_drawn(connection, ledger.site, every_name)
        for names, stratum in doubtful.items():
            is_ours = self._doubtful.pop(names, None) is not None
            if is_ours and drawn.keys().isdisjoint(names):
                self.counted["store", stratum] += 1

    @contextmanager
    def taken(self) -> Iterator[Mapping[tuple[str, str], int]]:
        """What was counted, to be kept elsewhere; given back where that fails.

        Nobody else is given it meanwhile, so nobody keeps it twice.
        """
        taken = dict(self.counted)
        self.counted.clear()
        try:
            yield taken
        except BaseException:
            self.counted.update(taken)
            raise
