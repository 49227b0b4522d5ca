"""A process that signs somebody in with a recovery code, and is killed on the way.

    python -m tests.fakes.killed_sign_in DSN FOLDER CODE RECOVERY NOW during|after

`during`: the code is used up, the transaction not committed. `after`: everything is
committed, and the browser has not heard of it.
"""

import asyncio
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID

from proxy.database.pool import Connection
from tests.fakes.named_people import HERE, PASSWORD, running_clinic


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(dsn: str, folder: str, code: str, recovery: str, *how: str) -> None:
    now = datetime.fromisoformat(how[0])
    async with running_clinic(dsn, Path(folder), lambda: now) as clinic:
        used = clinic.access.sign_in._parts.factors.recovery(recovery)

        async def used_and_dead(connection: Connection, account_id: UUID) -> None:
            await used(connection, account_id)
            if how[1] == "during":
                die()

        begun = await clinic.access.sign_in.begin(code, PASSWORD, HERE)
        await clinic.access.sign_in.finish(begun, proof=used_and_dead, source=HERE)
        die()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
