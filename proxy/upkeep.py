"""Work that comes round again: no part of it keeps the others from their turn."""

from collections.abc import Awaitable, Callable

import structlog

from proxy.errors import PonctuelError

log = structlog.get_logger()


async def each_in_turn(*parts: Callable[[], Awaitable[object]]) -> None:
    """Do all of them; the first fault is raised when the others have had their turn."""
    faults: list[PonctuelError] = []
    for part in parts:
        try:
            await part()
        except PonctuelError as error:
            faults.append(error)
        except Exception as error:  # noqa: BLE001  # a bug must not starve the others
            log.critical("unforeseen in upkeep", error=type(error).__name__)
            faults.append(PonctuelError(type(error).__name__))
    if faults:
        raise faults[0]
