"""Slows down whoever tries many codes from one place, in memory.

Only what fails counts: a call centre's people all come from one address at nine in
the morning. A restart forgets; what protects an account (`attempts`) does not.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from proxy.access.accounts.faults import TooManyAttemptsError
from proxy.errors import UnauthorizedError

LARGEST_LEVEL = 20
ONE_LEAKS_IN = timedelta(seconds=30)
MOST_SOURCES = 10_000
_ONE_SUBSCRIBER = 64  # bits of an IPv6 address; the rest they choose as they like


class SourceLimiter:
    """A bucket that leaks for each source: each failure fills it by one.

    `most` bounds the memory: of more sources, those heard of last are remembered.
    """

    def __init__(self, clock: Callable[[], datetime], most: int = MOST_SOURCES) -> None:
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    @contextmanager
    def counted(self, source: str) -> Iterator[None]:
        """Count what is done as an attempt; only what is refused stays counted.

        What broke down was nobody's guess. Raises TooManyAttemptsError.
        """
        self.claim(source)
        try:
            yield
        except UnauthorizedError:
            raise
        except BaseException:
            self.give_back(source)
            raise
        self.give_back(source)

    def claim(self, source: str) -> None:
        """Count an attempt as failed, until `give_back` says it was not.

        So that many at once are counted too. Raises TooManyAttemptsError.
        """
        network = _network(source)
        level = self._level(network)
        if level + 1 > LARGEST_LEVEL:
            raise TooManyAttemptsError(
                fix=f"try again in {ONE_LEAKS_IN.seconds} seconds"
            )
        self._set(network, level + 1)

    def give_back(self, source: str) -> None:
        network = _network(source)
        self._set(network, self._level(network) - 1)

    def _level(self, network: str) -> float:
        level, at = self._buckets.get(network, (0.0, self._clock()))
        leaked = (self._clock() - at) / ONE_LEAKS_IN
        return max(0.0, level - max(0.0, leaked))

    def _set(self, network: str, level: float) -> None:
        self._buckets.pop(network, None)
        if level > 0:
            self._buckets[network] = (level, self._clock())
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)


def _network(source: str) -> str:
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{int(address) >> _ONE_SUBSCRIBER:x}"
    return str(address)
