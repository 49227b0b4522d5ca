"""The legal gates: which line groups may be drawn, and what the others lack."""

from collections.abc import Sequence
from typing import Any

from proxy.access.permissions import Permission
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.governance.gates import GroupReport, report


class Gates(Model):
    """Every line group today; its `code` is null where calls may be drawn."""

    groups: Sequence[GroupReport]


async def read(asked: Asked[Nothing]) -> Gates:
    site = asked.site
    groups = report(site.config.lines.values(), site.calls.policy, site.clock().date())
    return Gates(groups=groups)


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/gates",
        Permission.GATES_READ,
        read,
        summary="What each line group's legal gates lack, in words.",
        asks=Nothing,
        answers=Gates,
    ),
)
