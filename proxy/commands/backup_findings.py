"""What `ponctuel doctor` says of backups: what is declared, and what was tried."""

from collections.abc import Iterator

from proxy.commands.finding import Finding
from proxy.settings import Settings
from proxy.site import Site

_DRILL_EVERY = 90  # days


def of_backups(settings: Settings) -> Iterator[Finding]:
    """Whether keys can be in a copy of what they open, and how long copies are kept."""
    yield _apart(settings)
    name, days = "key backups", settings.backups.keys_days
    if "keys_days" in settings.backups.model_fields_set:
        kept = f"kept {days} days" if days else "none"
        yield Finding(name, "ok", f"{kept}, as declared")
    else:
        yield Finding(
            name,
            "warn",
            "not declared: say in backups.keys_days how long copies are kept (0: none)",
        )


def _apart(settings: Settings) -> Finding:
    """Where database backups go, nobody tells us; what is beside them we can see."""
    name = "keys apart"
    if settings.vault.transit or settings.vault.custodian:
        return Finding(name, "ok", "in a key service, or the other half is")
    keys = settings.keys_directory.resolve()
    for beside in (settings.data_dir, settings.objects_directory):
        if keys.is_relative_to(beside.resolve()):
            return Finding(
                name,
                "warn",
                f"{keys} lies in {beside}: whoever copies that copies the keys with "
                "what they open; set vault.keys to a place of its own",
            )
    return Finding(name, "ok", str(keys))


async def of_drills(site: Site, settings: Settings) -> Finding:
    """When dead days were last shown to stay shut."""
    name = f"{site.name}: restore drill"
    last = await site.parts.canaries.last_drill()
    if last is None:
        return Finding(name, "warn", "none has passed yet: ponctuel restore-drill")
    days = (site.clock() - last["at"]).days
    said = f"passed {last['at']:%Y-%m-%d}, {last['shut']} dead days shut"
    if days > _DRILL_EVERY:
        return Finding(name, "warn", f"{said}: {days} days ago, drill again")
    if settings.backups.keys_days and not last["had_copy"]:
        return Finding(name, "warn", f"{said}, but no copy of the keys was tried")
    return Finding(name, "ok", said)
