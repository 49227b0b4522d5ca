"""Loads `queries.sql`: named blocks a DBA can read in one sitting.

Each block opens with `-- name: verb_object(argument, …)`; the arguments are the
placeholders $1, $2 … in order. A block whose placeholders do not match its arguments,
or a name used twice, stops the import: the mistake cannot reach a running service.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from typing_extensions import override

from proxy.errors import SchemaError

_HEADER = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)\((?P<arguments>[^)]*)\)$")
_PLACEHOLDER = re.compile(r"\$(\d+)")


class Queries(Mapping[str, str]):
    """The named queries of one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._queries = MappingProxyType(dict(_blocks(file)))

    @override
    def __getitem__(self, name: str) -> str:
        return self._queries[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    @override
    def __len__(self) -> int:
        return len(self._queries)


def _blocks(file: Path) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for block in re.split(r"(?m)^(?=-- name: )", file.read_text("utf-8")):
        header, _, sql = block.partition("\n")
        if not header.startswith("-- name: "):
            continue
        match = _HEADER.match(header)
        if match is None or match["name"] in seen:
            raise SchemaError(f"bad or repeated header: {header}", field=file.name)
        seen.add(match["name"])
        _check_arguments(file, match["name"], match["arguments"], sql)
        yield match["name"], sql.strip()


def _check_arguments(file: Path, name: str, arguments: str, sql: str) -> None:
    expected = len([text for text in arguments.split(",") if text.strip()])
    found = {int(number) for number in _PLACEHOLDER.findall(sql)}
    if found != set(range(1, expected + 1)):
        raise SchemaError(
            f"query {name} names {expected} arguments but uses {sorted(found)}",
            field=str(file),
        )


def queries_beside(module_file: str) -> Queries:
    """The `queries.sql` in the same folder as the store that runs it."""
    return Queries(Path(module_file).with_name("queries.sql"))
