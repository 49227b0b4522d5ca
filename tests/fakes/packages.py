"""Access packages, put together and opened as the person would."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from proxy.rights.assembling import Rights
from proxy.rights.packages.links import Link, Opened
from proxy.rights.packages.packages import Packages
from proxy.rights.packages.store import Package
from retention.rights.deadlines import Kind
from tests.fakes.call_centre import CallCentre
from tests.fakes.desk import OFFICER
from tests.fakes.gateway import Gateway, running_gateway
from tests.fakes.persons import asked, rights_of
from tests.peers import need


@dataclass(frozen=True)
class Handing:
    """A desk that hands over copies, and the gateway its codes go through."""

    house: CallCentre
    rights: Rights
    gateway: Gateway

    @property
    def packages(self) -> Packages:
        return self.rights.packages

    async def asked(self, *numbers: str, kind: Kind = Kind.ACCESS) -> UUID:
        """A request whose person is known, once the draws of their calls are public."""
        await self.hours_pass(2)
        return await asked(self.house, kind, *numbers)

    async def hours_pass(self, hours: float) -> None:
        self.house.clock.advance(hours=hours)
        await self.house.site.tend()

    async def assembled(self, request_id: UUID, **how: Any) -> Package:
        """A package that is made, as far as it can be."""
        await self.packages.make(OFFICER, request_id, **how)
        await self.packages.making.wait(request_id)
        return await self.packages.show(OFFICER, request_id)

    async def opened(self, request_id: UUID) -> Opened:
        """By link and code."""
        link = await self.packages.issue(OFFICER, request_id)
        return await self.opened_by(link)

    async def opened_by(self, link: Link) -> Opened:
        await self.packages.links.send_code(link.secret)
        return await self.packages.links.open(link.secret, self.gateway.code)

    async def fetched(self, ticket: str, wanted: str | None = None) -> bytes:
        """What is sent to whoever holds the ticket."""
        found = await self.packages.sending.look(ticket, wanted)
        async with self.packages.sending.sending(found) as blocks, aclosing(blocks):
            return b"".join([block async for block in blocks])


@asynccontextmanager
async def handing(house: CallCentre, **told: Any) -> AsyncIterator[Handing]:
    """As the service has it; its pages show these packages from here on."""
    async with running_gateway() as gateway:
        rights = rights_of(house.site, sender=gateway.config, **told)
        house.site.rights = rights
        try:
            yield Handing(house, rights, gateway)
        finally:
            await rights.close()


def unpacked(archive: bytes, password: str, folder: Path) -> dict[str, bytes]:
    """Every file by its name, as 7-Zip finds them."""
    seven = need("7z", "apt-get install 7zip")
    place = folder / "unpacked"
    (folder / "package.zip").write_bytes(archive)
    subprocess.run(
        [seven, "x", "-y", f"-p{password}", f"-o{place}", str(folder / "package.zip")],
        check=True,
        capture_output=True,
    )
    files = (each for each in place.rglob("*") if each.is_file())
    return {str(each.relative_to(place)): each.read_bytes() for each in files}


def verified(folder: Path, receipt: str) -> bool:
    """Whether the program in a package agrees with a receipt of it."""
    place = folder / "unpacked" / "tirages"
    command = [sys.executable, "-I", "verify.py"]
    files = ["--receipt", receipt, "--policy", "policy.txt"]
    ran = subprocess.run(
        [*command, *files], cwd=place, capture_output=True, check=False
    )
    return ran.returncode == 0
