"""`ponctuel access`: who may do what through which route, and how they show it."""

import argparse
import json
import secrets

from proxy.access.people import PERMISSIONS, Permission, Role, token_digest
from proxy.api.application import DOCUMENT, ROOT
from proxy.api.table import ROUTES
from proxy.commands.running import Parsers, add_command, add_group, add_json

_TOKEN_BYTES = 32  # more than anybody can guess, so a plain hash is enough to keep


def add_to(parsers: Parsers) -> None:
    example = "ponctuel access matrix --json"
    actions = add_group(parsers, "access", "ACTION", "Who may do what.", example)
    add_json(
        add_command(
            actions,
            "matrix",
            _matrix,
            "List role, permission and route. What is not listed is refused.",
            example,
        )
    )

    token = add_command(
        actions,
        "token",
        _token,
        "Make somebody's token, and the lines for the settings.",
        "ponctuel access token --site nord --code op-1 --role operator",
    )
    token.add_argument("--site", required=True, help="the site's code")
    token.add_argument("--code", required=True, help="theirs; never a name")
    token.add_argument("--role", required=True, type=Role, choices=list(Role))
    add_json(token)


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
    rows = [
        {
            "role": role.value,
            "permission": permission.value,
            "allowed": permission in PERMISSIONS[role],
            "routes": _routes(permission),
        }
        for role in Role
        for permission in Permission
    ]
    if args.json:
        print(json.dumps({"matrix": rows, "public": [f"GET {ROOT}{DOCUMENT}"]}))
        return 0
    for permission in Permission:
        allowed = [role.value for role in Role if permission in PERMISSIONS[role]]
        print(f"{permission.value}: {', '.join(allowed) or 'nobody'}")
        for route in _routes(permission):
            print(f"  {route}")
    print(f"public:\n  GET {ROOT}{DOCUMENT}")
    return 0


def _routes(permission: Permission) -> list[str]:
    return [
        f"{route.method} {ROOT}{route.path}"
        for route in ROUTES
        if route.permission is permission
    ]
