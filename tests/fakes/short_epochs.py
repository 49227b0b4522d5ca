"""A call centre whose epochs are short, drawn in whatever mode a test is about."""

from tests.fakes.call_centre import SITE, CallCentre

EPOCH = 300


def in_mode(
    centre: CallCentre, mode: str, *urls: str, **changes: object
) -> dict[str, object]:
    """Settings with epochs as short as they may be, three of them open at a time."""
    plan = centre.plan(**changes)
    plan["sites"][SITE]["randomness"] = {"mode": mode, "urls": urls}
    plan["draw"] = {"epoch_seconds": EPOCH, "epochs_ahead": 2}
    return plan
