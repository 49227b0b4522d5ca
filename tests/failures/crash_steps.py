"""Steps of the service's work at which a test kills it."""

from collections.abc import Mapping

import pytest


def steps(table: Mapping[str, tuple[object, ...]]) -> pytest.MarkDecorator:
    """A test for each step of a table, by its name there."""
    return pytest.mark.parametrize("step", table.values(), ids=table)
