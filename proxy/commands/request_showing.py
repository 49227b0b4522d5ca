"""What the desk's commands have in common: a request named, and what is shown of it."""

import argparse
from collections.abc import Mapping
from uuid import UUID

from proxy.access.permissions import Permission
from proxy.api.request_forms import RequestStanding
from proxy.commands.acting import Act, add_site_command
from proxy.commands.running import Parsers, show
from proxy.rights.desk import Desk
from proxy.rights.records import Request
from proxy.site import Site

ID = "3f0c6f0e-7a53-4f2a-9d0b-0a7f9c1d2e3f"
HANDLE = Permission.REQUESTS_HANDLE


def add_move(
    actions: Parsers, name: str, act: Act, summary: str, words: str = ""
) -> argparse.ArgumentParser:
    """Something done to one request, which is named by its id."""
    example = f"ponctuel requests {name} {ID} --site nord {words}".strip()
    parser = add_site_command(actions, name, (act, HANDLE), summary, example)
    parser.add_argument("request", type=UUID, metavar="REQUEST", help="its id")
    return parser


def desk_of(site: Site) -> Desk:
    return site.rights.desk


def show_standing(site: Site, request: Request, args: argparse.Namespace) -> None:
    show(standing_of(site, request), as_json=args.json)


def show_letter(text: str, args: argparse.Namespace) -> None:
    """For people the letter alone, so that it can be sent as it is."""
    if args.json:
        show({"letter": text}, as_json=True)
    else:
        print(text.rstrip("\n"))


def standing_of(site: Site, request: Request) -> dict[str, object]:
    return RequestStanding.of(request, site.clock()).model_dump(mode="json")


def in_short(standing: Mapping[str, object]) -> str:
    """One line of the worklist."""
    names = ("due_on", "days_left", "reference", "kind", "state", "request_id")
    return "  ".join(str(standing[name]) for name in names)
