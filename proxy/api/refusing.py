"""That somebody tried what their role may not is kept, whichever door it was at."""

from contextlib import suppress

from proxy.access.permissions import Actor, Permission
from proxy.access.trace.acts import Act, Entry
from proxy.errors import PonctuelError
from proxy.governance.refusals import ON_RECORD
from proxy.site import Site


async def keep_refusal(
    site: Site, actor: Actor, permission: Permission, what: str, why: str
) -> None:
    """In the trace, and what would have moved a policy in its history.

    That it cannot be kept must not hide why it was refused, which it is all the same.
    """
    entry = Entry(Act.REFUSED, actor.code, actor.role, about=permission.value)
    with suppress(PonctuelError):
        await site.access.trace.note(entry)
    if permission in ON_RECORD:
        with suppress(PonctuelError):
            await site.governance.refuse_attempt(actor, what, why)
