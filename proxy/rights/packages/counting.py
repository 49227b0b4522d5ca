"""What an answer to a request for access counts, also in the copy itself."""

from dataclasses import dataclass

from proxy.rights.packages.store import Package, PackageStore
from proxy.rights.records import ItemState
from proxy.rights.requests import Requests


@dataclass(frozen=True, slots=True)
class Counted:
    """How many recordings are handed over, or left out, or gone; how many cuts."""

    recordings: int
    muted: int
    left_out: int
    gone: int


async def counted(store: PackageStore, requests: Requests, package: Package) -> Counted:
    """As it is now: of what is in the package, and of what its request is about."""
    [muted] = await store.rows("count_muted", package.package_id)
    items = await requests.items(package.request_id)
    gone = {each.recording_id for each in items if each.state is ItemState.GONE}
    return Counted(
        recordings=package.recordings,
        muted=muted["count"],
        left_out=len(set(package.left_out) - gone),
        gone=len(gone),
    )
