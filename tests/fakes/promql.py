"""What a PromQL expression asks for, as the parser of another project reads it."""

import re
from collections.abc import Iterator

import promql_parser

_PARTS = ("lhs", "rhs", "expr", "vector_selector", "args")


def series_of(expression: str) -> set[str]:
    """The names of all series it reads. Raises ValueError for what is no PromQL."""
    tree = promql_parser.parse(expression.replace("$site", "north"))
    return {
        node.name
        for node in _nodes(tree)
        if getattr(node, "matchers", None) is not None
    }


def _nodes(node: object) -> Iterator[object]:
    yield node
    for part in _PARTS:
        inner = getattr(node, part, None)
        for each in inner if isinstance(inner, list) else [inner]:
            if each is not None:
                yield from _nodes(each)


def contract_names(series: set[str]) -> set[str]:
    """The figures behind them: a month's sum and a histogram's parts are no others."""
    return {
        re.sub(
            r"^site:(.+):increase30d$",
            r"\1_total",
            re.sub(r"_(bucket|sum|count)$", "", name),
        )
        for name in series
    }
