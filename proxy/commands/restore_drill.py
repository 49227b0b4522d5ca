"""`ponctuel restore-drill`: a day that is dead opens with nothing we still have."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import ValidationError

from proxy.commands.running import (
    LOCAL,
    Parsers,
    add_command,
    add_json,
    show,
    sites_only,
)
from proxy.errors import SettingsError, StorageError
from proxy.settings import Settings, TransitPart, load_settings
from proxy.site import Site
from proxy.vault.canaries import Trial
from proxy.vault.key_store import KeyStore
from proxy.vault.keys import KeyRing
from proxy.wiring import make_key_store


def add_to(parsers: Parsers) -> None:
    parser = add_command(
        parsers,
        "restore-drill",
        lambda args: asyncio.run(_drill(args)),
        "Try to open known bytes of days that are dead, with the key store and with a "
        "restored copy of it: none may open, and those of a living day must.",
        "ponctuel restore-drill --keys /mnt/restored/keys",
        may=LOCAL,
    )
    copy = parser.add_mutually_exclusive_group()
    copy.add_argument(
        "--keys",
        type=Path,
        metavar="DIR",
        help="a restored copy of the key directory, which may be written to",
    )
    copy.add_argument(
        "--key-service",
        metavar="ADDRESS",
        help="a key service with a restored snapshot; the token is the settings' own",
    )
    add_json(parser)


async def _drill(args: argparse.Namespace) -> int:
    """Exit status 1 unless every site's drill has passed."""
    settings = load_settings()
    copied = _with_copy(settings, args.keys, args.key_service)
    passed = []
    async with sites_only(settings) as service:
        for site in service.sites.values():
            await site.attach()
            passed.append(await _drill_one(site, copied, as_json=args.json))
    return 0 if passed and all(passed) else 1


async def _drill_one(site: Site, copied: Settings | None, *, as_json: bool) -> bool:
    canaries, copy = site.parts.canaries, None
    await canaries.keep_up()
    now = await canaries.try_now()
    if copied:
        async with _opened(copied, site.name) as store:
            copy = await canaries.try_copy(store)
    for trial in filter(None, (now, copy)):
        await site.integrity.note_dead_days(trial.opened)
    has_passed = await canaries.note_drill(now, copy)
    told = {"site": site.name, "passed": has_passed, **_told("", now)}
    show(told | (_told("copy_", copy) if copy else {}), as_json=as_json)
    return has_passed


def _told(prefix: str, trial: Trial) -> dict[str, object]:
    told: dict[str, object] = {
        "dead_days_shut": trial.shut,
        "dead_days_open": [key.name for key in trial.opened],
        "living_days_open": trial.living,
        "fault": trial.fault,
    }
    return {f"{prefix}{name}": value for name, value in told.items()}


@asynccontextmanager
async def _opened(settings: Settings, site: str) -> AsyncIterator[KeyStore]:
    """A site's restored keys. An empty place is refused before anything is made there.

    Raises StorageError.
    """
    store = make_key_store(settings, site)
    try:
        if not await KeyRing(store).exists():
            raise StorageError(
                f"no keys of site {site} lie there",
                field="--keys",
                fix="restore the whole copy, with a folder for each site",
            )
        await store.open()
        yield store
    finally:
        await store.close()


def _with_copy(
    settings: Settings, directory: Path | None, address: str | None
) -> Settings | None:
    """The settings with the copy in place of the operator's key store."""
    if directory:
        _refuse_live(directory, settings)
        change: dict[str, object] = {"keys": directory, "transit": None}
    elif address:
        change = {"transit": _at(settings.vault.transit, address)}
    else:
        return None
    vault = settings.vault.model_copy(update=change)
    return settings.model_copy(update={"vault": vault})


def _refuse_live(directory: Path, settings: Settings) -> None:
    """That it passes says nothing of a copy, and a trial key would be made there."""
    is_live = directory.resolve() == settings.keys_directory.resolve()
    if is_live and not settings.vault.transit:
        raise SettingsError(
            "these are the keys the service uses, not a copy of them",
            field="--keys",
            fix="restore the oldest copy there is into an empty place, and name that",
        )


def _at(part: TransitPart | None, address: str) -> TransitPart:
    field = "--key-service"
    if part is None:
        raise SettingsError(
            "the keys are in a directory", field=field, fix="use --keys DIR"
        )
    try:
        there = TransitPart.model_validate({**dict(part), "address": address})
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(said, field=field, fix="as in https://bao:8200") from None
    if there.address == part.address:
        raise SettingsError(
            "this is the key service the service uses, not a copy of it",
            field=field,
            fix="restore the oldest snapshot there is into another, and name that",
        )
    return there
