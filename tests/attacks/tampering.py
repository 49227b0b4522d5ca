"""Sites whose operator changes leaves before they are written."""

from collections.abc import Callable
from typing import Any

from tests.attacks.emitter import DAY, MONDAY, Fields, Site, Tamper

HOUR = 3600
FIRST = MONDAY // HOUR  # the first epoch of most sites here


def tampering(
    kind: str,
    change: Callable[[Fields], Fields | None],
    *,
    skip: int = 0,
    once: bool = True,
    fits: Callable[[Fields], object] = lambda _: True,
) -> Tamper:
    """Change leaves of a kind: `change(fields)` gives new ones, None drops the leaf."""
    left = {"skip": skip, "times": 1 if once else -1}

    def tamper(written: str, fields: Fields) -> list[tuple[str, Fields] | bytes]:
        if written != kind or not left["times"] or not fits(fields):
            return [(written, fields)]
        if left["skip"]:
            left["skip"] -= 1
            return [(written, fields)]
        left["times"] -= 1
        new = change(fields)
        return [] if new is None else [(kind, new)]

    return tamper


def site_with(
    kind: str,
    change: Callable[[Fields], Fields | None],
    *,
    epochs: int = 30,
    site: Fields | None = None,
    **options: Any,
) -> Site:
    """A site that lived `epochs` hours with that change in its leaves."""
    tamper = tampering(kind, change, **options)
    return Site(tamper=tamper, **(site or {})).live(epochs).finish()


def weeks(days: int = 26, **options: Any) -> Site:
    """Epochs of a day, so that everything falls due."""
    return Site(span=DAY, checkpoints_per_epoch=1, **options).live(days, 12).finish()
