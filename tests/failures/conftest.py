"""The same call centre as in `tests/acceptance`, to be broken."""

from tests.acceptance.conftest import centre, house, open_socket, platform

__all__ = ["centre", "house", "open_socket", "platform"]
