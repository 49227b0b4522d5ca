"""Query plans as they ran, part by part, and what each part has really read."""

import json
from collections.abc import Iterator
from typing import Any

from proxy.database.pool import Connection

Node = dict[str, Any]


async def nodes_of(
    connection: Connection, query: str, *arguments: object
) -> list[Node]:
    """The parts of a plan as it ran; what it changed is taken back."""
    change = connection.transaction()
    await change.start()
    try:
        raw = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT json) {query}", *arguments
        )
    finally:
        await change.rollback()
    return list(_nodes(json.loads(raw)[0]["Plan"]))


def _nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def rows_seen(node: Node) -> float:
    """How many rows a part read, also those it threw away."""
    seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return seen * node["Actual Loops"]


def searches(found: dict[str, list[Node]], tables: set[str], most: int) -> str:
    """Parts that read what they were not asked for, a line each.

    That is all of one of the `tables`, or more than `most` rows of anything.
    """
    return "\n".join(
        f"{name}: {node['Node Type']} of {rows_seen(node):.0f} rows"
        for name, nodes in found.items()
        for node in nodes
        if rows_seen(node) > most
        or (node["Node Type"] == "Seq Scan" and node["Relation Name"] in tables)
    )
