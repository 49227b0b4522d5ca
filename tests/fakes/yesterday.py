"""A copy of database and objects as they were: to come back, where they must not."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.databases import in_database, new_database
from tests.fakes.call_centre import CallCentre

Restore = Callable[..., Awaitable[None]]


@asynccontextmanager
async def backup(centre: CallCentre) -> AsyncIterator[Restore]:
    """Database and objects as they are now: call what this gives to restore them."""
    await centre.close()
    await centre.stop_looking()
    original = centre.dsn.partition("?")[0].rpartition("/")[2]
    objects, saved = centre.data_dir / "objects", centre.folder / "saved"
    shutil.copytree(objects, saved)
    async with new_database(in_database(centre.dsn, "postgres"), original) as dsn:

        async def restore(*, database: bool = True, bucket: bool = True) -> None:
            await centre.close()
            await centre.stop_looking()
            if database:
                centre.dsn = dsn
            if bucket:
                shutil.rmtree(objects)
                shutil.copytree(saved, objects)

        await centre.open()
        yield restore
        await centre.close()
