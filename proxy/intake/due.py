"""When a platform must have its answer, and what is still done in time for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from proxy.errors import DatabaseUnavailableError

_T = TypeVar("_T")


class Due:
    """A moment to come. Made inside a running event loop."""

    _under_way: ClassVar[set[asyncio.Task[Any]]] = set()

    def __init__(self, seconds: float) -> None:
        self._at = asyncio.get_running_loop().time() + seconds

    @property
    def left(self) -> float:
        """Seconds; never less than none."""
        return max(0.0, self._at - asyncio.get_running_loop().time())

    async def wait_for(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Its result. What comes too late goes on to its end, and changes no answer.

        Cancelled, it would be waited for as long as the database does not answer.
        Raises DatabaseUnavailableError when it is not done by then.
        """
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._let_go)
        await asyncio.wait({task}, timeout=self.left)
        if not task.done():
            raise DatabaseUnavailableError("not in time")
        return task.result()

    @classmethod
    def _let_go(cls, task: asyncio.Task[Any]) -> None:
        cls._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits any more
