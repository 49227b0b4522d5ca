"""What `ponctuel doctor` says of those who answer persons: what they cannot do yet."""

from collections.abc import Iterator

from proxy.access.permissions import PERMISSIONS, Permission
from proxy.commands.finding import Finding
from proxy.commands.people_findings import is_at_work
from proxy.site import Site


async def of_desk(site: Site) -> list[Finding]:
    """Nothing where nobody answers requests: nobody could send anything either."""
    if site.config.rights.sender is None and not await _is_there_anybody(site):
        return []
    return [*_of_links(site), *_of_codes(site)]


async def _is_there_anybody(site: Site) -> bool:
    accounts = filter(is_at_work, await site.access.accounts.list())
    roles = {*site.access.config.listed.values(), *(each.role for each in accounts)}
    return any(Permission.REQUESTS_HANDLE in PERMISSIONS[role] for role in roles)


def _of_links(site: Site) -> Iterator[Finding]:
    name = f"{site.name}: links to persons' copies"
    if site.access.config.public_url:
        yield Finding(name, "ok", site.access.config.public_url)
        return
    yield Finding(
        name,
        "warn",
        "they begin with no address, and whoever is sent one cannot open it: set "
        f"sites.{site.name}.access.public_url",
    )


def _of_codes(site: Site) -> Iterator[Finding]:
    name = f"{site.name}: codes to persons' telephones"
    if site.config.rights.sender is not None:
        yield Finding(name, "ok", "a gateway is set; whether it works shows in use")
        return
    yield Finding(
        name,
        "warn",
        "none can be sent: whoever asks is proved otherwise (ponctuel requests details "
        f"or identified); set sites.{site.name}.rights.sender",
    )
