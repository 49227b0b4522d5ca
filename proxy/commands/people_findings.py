"""What `ponctuel doctor` says of a site's people: whether there is one for each part.

A data protection officer neither reviews nor decides what is about themselves. Where
there is one, and they break the glass, nobody is left who could let them in again.
"""

from proxy.access.accounts.accounts import Account
from proxy.access.permissions import Role
from proxy.commands.finding import Finding
from proxy.site import Site
from proxy.site_settings import SitePart

_NEEDED = 2


def of_settings(name: str, site: SitePart) -> Finding:
    """Whether there is somebody for each half of what takes two."""
    roles = {person.role for person in site.people.values()}
    missing = [role for role in ("operator", "dpo") if role not in roles]
    if not missing:
        return Finding(name, "ok", "")
    return Finding(
        name,
        "warn",
        f"no {' and no '.join(missing)}: no increase of the policy can be approved and "
        "no open breaker closed (ponctuel access token)",
    )


async def of_dpos(name: str, site: Site) -> Finding:
    """Whether one could review the other, of the settings or with an account."""
    listed = site.access.config.listed.values()
    count = sum(role is Role.DPO for role in listed) + sum(
        is_at_work(account) and account.role is Role.DPO
        for account in await site.access.accounts.list()
    )
    if count >= _NEEDED:
        return Finding(name, "ok", str(count))
    if not site.access.config.has_break_glass:
        return Finding(
            name,
            "ok",
            f"{count}: nobody decides alerts about one, or reviews for another",
        )
    return Finding(
        name,
        "warn",
        f"{count}, and emergency access is on: nobody could review the use of one, who "
        "is suspended after 72 hours; invite and appoint another (ponctuel users)",
    )


def is_at_work(account: Account) -> bool:
    """Whoever is not appointed, where the role asks for it, is let in nowhere."""
    return not account.lacks_appointment and account.ended_at is None
