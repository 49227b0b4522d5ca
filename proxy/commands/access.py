"""`ponctuel access`: who may do what through which route, and how they show it."""

import argparse
import json
import secrets

from proxy.access.people import token_digest
from proxy.access.permissions import Role
from proxy.commands import oversight
from proxy.commands.access_matrix import matrix, public
from proxy.commands.access_tables import write_csv, write_page, write_words
from proxy.commands.running import LOCAL, Parsers, add_command, add_group, add_json

_TOKEN_BYTES = 32  # more than anybody can guess, so a plain hash is enough to keep


def add_to(parsers: Parsers) -> None:
    example = "ponctuel access matrix --json"
    actions = add_group(parsers, "access", "ACTION", "Who may do what.", example)
    shown = add_command(
        actions,
        "matrix",
        _matrix,
        "List role, permission, how far it goes, routes and commands. What is not "
        "listed is refused.",
        example,
        may=LOCAL,
    )
    add_json(shown)
    for kind, what in (("csv", "a spreadsheet"), ("markdown", "a page's table")):
        shown.add_argument(f"--{kind}", action="store_true", help=what)

    token = add_command(
        actions,
        "token",
        _token,
        "Make somebody's token, and the lines for the settings.",
        "ponctuel access token --site nord --code op-1 --role operator",
        may=LOCAL,
    )
    token.add_argument("--site", required=True, help="the site's code")
    token.add_argument("--code", required=True, help="theirs; never a name")
    token.add_argument("--role", required=True, type=Role, choices=list(Role))
    add_json(token)
    oversight.add_to(actions)


def _token(args: argparse.Namespace) -> int:
    """It is shown here and now, and kept nowhere."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    digest = token_digest(token)
    if args.json:
        print(json.dumps({"token": token, "token_sha256": digest}))
        return 0
    print(f"For {args.code} alone, shown only once:\n  PONCTUEL_TOKEN={token}\n")
    print(f"For the settings:\n  [sites.{args.site}.people.{args.code}]")
    print(f'  role = "{args.role}"\n  token_sha256 = "{digest}"')
    return 0


def _matrix(args: argparse.Namespace) -> int:
    rows = matrix(args.commands)
    local = [each.name for each in args.commands if each.may is LOCAL]
    others = {"public": public(), "local": local}
    if args.json:
        print(json.dumps({"matrix": [row._asdict() for row in rows]} | others))
    elif args.csv:
        write_csv(rows)
    elif args.markdown:
        write_page(rows, others)
    else:
        write_words(rows, others)
    return 0
