"""Everything a process asks of the world around it, one call after the other.

A statement to PostgreSQL, a request over HTTP, a call to the file system: each is a
*point*. What a task does in a step that is watched is counted, and at one point of the
step, if one was chosen, the process dies or the call fails, before it was made or after
it. The product knows nothing of this: the libraries are wrapped from outside.
"""

import functools
import io
import json
import os
import re
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from yarl import URL

import proxy
from proxy.database.named_queries import Queries

_LIBRARY = (asyncpg.Connection, "execute fetch fetchrow fetchval executemany fetchmany")
_BY_PATH = ("stat", "listdir", "link", "unlink", "replace", "mkdir")
_BY_FILE = ("fsync", "writev")
_CHANGING_FILES = ("create", "link", "unlink", "replace", "mkdir", "writev")
_CHANGING_SQL = re.compile(r"INSERT|(?<!FOR )UPDATE|DELETE|COMMIT")
_WITHOUT_EFFECT = re.compile(r"GET|HEAD|POST \S+/(en|de)crypt/")
_RANDOM = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|[0-9a-f]{16}\b")
_OF_THE_POOL = "pg_advisory_unlock_all"  # when a connection comes back to it


class Mode(StrEnum):
    """What goes wrong at a point."""

    DIE_BEFORE = "killed before"
    DIE_AFTER = "killed after"
    FAIL = "failed"
    FAIL_THOUGH_DONE = "failed though done"


@dataclass(frozen=True)
class Point:
    """One call to the outside; `changes` unless it only looks."""

    name: str
    changes: bool


class Edge:
    """Counts points; at the `place`th one, from 0, what `mode` says goes wrong."""

    def __init__(
        self, files: Path, trace: Path, plan: dict[int, tuple[int, Mode]]
    ) -> None:
        """What is below `files` is outside; what was struck is added to `trace`.

        `plan` has, by step, the point at which something goes wrong, from 0, and how.
        """
        self.points: dict[int, list[Point]] = {}
        self.struck: set[int] = set()
        self._files = str(files)
        self._trace = trace
        self.plan = plan
        self._step = -1
        self._watched = ContextVar("watched", default=False)

    def begin(self, step: int, *, is_safe: bool = False) -> None:
        """Count from 0 again; where it is safe, nothing goes wrong."""
        self._step = step
        self.points[step] = []
        if is_safe:
            self.plan.pop(step, None)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count what this task does from here on, and what it starts."""
        token = self._watched.set(True)
        try:
            yield
        finally:
            self._watched.reset(token)

    def watching(self, real: Callable[..., Awaitable[Any]]) -> Any:
        """The same function, watched each time."""

        @functools.wraps(real)
        async def wrapped(*arguments: Any, **named: Any) -> Any:
            with self.watched():
                return await real(*arguments, **named)

        return wrapped

    def install(self) -> None:
        """For as long as the process lives."""
        owner, names = _LIBRARY
        for name in names.split():
            setattr(owner, name, self._statement(getattr(owner, name)))
        aiohttp.ClientSession._request = self._request(aiohttp.ClientSession._request)
        for name in _BY_PATH:
            setattr(os, name, self._by_path(name, getattr(os, name)))
        for name in _BY_FILE:
            setattr(os, name, self._by_file(name, getattr(os, name)))
        os.open = self._by_path("create", os.open)
        io.open = self._by_path("open", io.open)

    # --- What each kind of call is ------------------------------------------------

    def _statement(self, real: Callable[..., Awaitable[Any]]) -> Any:
        @functools.wraps(real)
        async def wrapped(
            connection: asyncpg.Connection, query: str, *rest: Any, **named: Any
        ) -> Any:
            asked = functools.partial(real, connection, query, *rest, **named)
            if not self._watched.get() or _OF_THE_POOL in query:
                return await asked()
            changes = bool(_CHANGING_SQL.search(query))
            point = Point(f"SQL {_name_of(query)}", changes)

            def lost() -> Exception:
                connection.terminate()
                return asyncpg.ConnectionDoesNotExistError("the connection was lost")

            return await self._ask(point, asked, lost)

        return wrapped

    def _request(self, real: Callable[..., Awaitable[Any]]) -> Any:
        @functools.wraps(real)
        async def wrapped(
            session: aiohttp.ClientSession, method: str, url: URL | str, **named: Any
        ) -> Any:
            asked = functools.partial(real, session, method, url, **named)
            if not self._watched.get():
                return await asked()
            what = f"{method} {_RANDOM.sub('*', URL(url).path_qs)}"
            point = Point(what, not _WITHOUT_EFFECT.match(what))
            lost = aiohttp.ServerDisconnectedError
            return await self._ask(point, asked, lost)

        return wrapped

    def _by_path(self, name: str, real: Callable[..., Any]) -> Any:
        @functools.wraps(real)
        def wrapped(path: Any, *rest: Any, **named: Any) -> Any:
            called = functools.partial(real, path, *rest, **named)
            if not self._watched.get() or not str(path).startswith(self._files):
                return called()
            shown = _RANDOM.sub("*", str(path).removeprefix(self._files))
            is_made = name != "create" or rest[0] & os.O_CREAT
            kind = name if is_made else "open"
            return self._call(kind, re.sub(r"/..(/|$)", r"/**\1", shown), called)

        return wrapped

    def _by_file(self, name: str, real: Callable[..., Any]) -> Any:
        @functools.wraps(real)
        def wrapped(*arguments: Any) -> Any:
            called = functools.partial(real, *arguments)
            return self._call(name, "", called) if self._watched.get() else called()

        return wrapped

    # --- What goes wrong ----------------------------------------------------------

    def _reach(self, point: Point) -> Mode | None:
        """What goes wrong at this point."""
        points = self.points[self._step]
        points.append(point)
        place, mode = self.plan.get(self._step, (-1, None))
        if self._step in self.struck or place != len(points) - 1:
            return None
        self.struck.add(self._step)
        with self._trace.open("a") as trace:
            trace.write(json.dumps([self._step, point.name]) + "\n")
        if mode is Mode.DIE_BEFORE:
            _die()
        return mode

    async def _ask(
        self,
        point: Point,
        asked: Callable[[], Awaitable[Any]],
        lost: Callable[[], Exception],
    ) -> Any:
        mode = self._reach(point)
        if mode is Mode.FAIL:
            raise lost()
        answer = await asked()
        if mode is Mode.DIE_AFTER:
            _die()
        if mode is Mode.FAIL_THOUGH_DONE:
            if isinstance(answer, aiohttp.ClientResponse):
                answer.close()
            raise lost()
        return answer

    def _call(self, name: str, shown: str, called: Callable[[], Any]) -> Any:
        point = Point(f"{name} {shown}".strip(), name in _CHANGING_FILES)
        mode = self._reach(point)
        if mode is Mode.FAIL:
            raise OSError(5, "Input/output error")
        answer = called()
        if mode is Mode.DIE_AFTER:
            _die()
        if mode is Mode.FAIL_THOUGH_DONE:
            raise OSError(5, "Input/output error")
        return answer


@cache
def names_of_queries() -> Mapping[str, str]:
    """The name of each statement of the product, as its `queries.sql` has it."""
    return {
        sql: f"{file.parent.name}.{name}"
        for file in Path(proxy.__file__).parent.rglob("queries.sql")
        for name, sql in Queries(file).items()
    }


def _name_of(query: str) -> str:
    """What is not from there is called by its first words."""
    return names_of_queries().get(query) or " ".join(query.split())[:40]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
