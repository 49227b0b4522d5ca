"""How long an answer takes tells nothing about a secret that was shown.

A secret is compared in constant time, or only its hash is looked up: whoever shows
something cannot choose which hash it has. All places are listed here; a new one is not
there until it has been thought about.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.database.named_queries import Queries

PROXY = Path(__file__).parents[2] / "proxy"
COMPARING = {"compare_digest", "strings_equal"}

# Whatever is shown is compared with what it should be.
COMPARED = {
    ("access/accounts/totp.py", "accepted_step"),
    ("access/oidc/sign_in.py", "_asked"),
    ("access/people.py", "identify"),
    ("access/wire.py", "check_our_page"),
    ("demo/recordings.py", "_find"),
    ("health.py", "scrape"),
    ("intake/connections.py", "of_upload"),
    ("intake/randomness/source.py", "check"),
    ("platforms/signatures.py", "_matches"),
    ("platforms/signatures.py", "check_bearer"),
    ("platforms/twilio_request.py", "_check_body_digest"),
    ("platforms/twilio_request.py", "_check_signature"),
    ("rights/identity_codes.py", "is_right"),
}
# A random secret of 80 bits or more is looked up by its SHA-256.
LOOKED_UP = {
    "access/accounts/queries.sql": {
        "find_invitation",
        "find_password_by_recovery",
        "find_pending",
        "find_session",
        "use_invitation",
        "use_pending",
        "use_recovery_code",
    },
    "access/api_keys/queries.sql": {"find_living_key"},
    "access/oidc/queries.sql": {"use_state"},
    "access/passkeys/queries.sql": {"find_halfway", "use_challenge"},
}
# Not shown by anybody: what we made ourselves, read back; our own token, read anew.
OURS = {
    ("vault/key_rules.py", "prove"),
    ("vault/transit_client.py", "_is_worth_repeating"),
}
_SECRET = re.compile(r"(^|_)(secret|token|password|csrf|totp|mac|signature)s?$")


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of the service, inner ones apart from those around them."""
    for file in sorted(PROXY.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield str(file.relative_to(PROXY)), node


def own(function: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function, and not in one inside it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from own(node)


def name_of(node: ast.AST) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def test_what_is_shown_is_compared_in_constant_time_at_these_places():
    found = {
        (file, function.name)
        for file, function in functions()
        for node in own(function)
        if isinstance(node, ast.Call) and name_of(node.func) in COMPARING
    }

    assert found == COMPARED


def test_what_is_looked_up_is_looked_up_by_its_hash():
    found: dict[str, set[str]] = {}
    for file in sorted(PROXY.rglob("queries.sql")):
        for name, sql in Queries(file).items():
            if re.search(r"\bdigest = \$\d", sql.partition("WHERE")[2]):
                found.setdefault(str(file.relative_to(PROXY)), set()).add(name)

    assert found == LOOKED_UP


def test_nothing_called_a_secret_is_compared_in_any_other_way():
    found = {
        (file, function.name)
        for file, function in functions()
        for node in own(function)
        if isinstance(node, ast.Compare)
        and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops)
        and any(_SECRET.search(name_of(n)) for n in (node.left, *node.comparators))
    }

    assert found == OURS


@pytest.mark.parametrize("file", LOOKED_UP)
def test_no_query_looks_for_a_secret_itself(file):
    for sql in Queries(PROXY / file).values():
        asked = sql.partition("WHERE")[2]
        assert not re.search(r"\b(secret|token|password|csrf) = \$", asked)
