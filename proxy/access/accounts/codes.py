"""What can be somebody's code: the same as for those the settings name."""

from pydantic import TypeAdapter, ValidationError

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.policy_document import Code

QUERIES = queries_beside(__file__)
_CODE: TypeAdapter[str] = TypeAdapter(Code)
_NOBODYS = ""


def is_code(text: str) -> bool:
    try:
        _CODE.validate_python(text)
    except ValidationError:
        return False
    return True


def code_or_nobodys(typed: str) -> str:
    """What was typed, or one nobody has.

    So that text no database can hold is asked for like any other.
    """
    return typed if is_code(typed) else _NOBODYS


async def lock_code(connection: Connection, site: str, code: str) -> None:
    """Nobody else gives this code to a person or a machine until the caller has."""
    await connection.execute(QUERIES["lock_code"], site, code)
