"""The call centre of `tests/acceptance`, for contracts a whole service keeps."""

from tests.acceptance.conftest import centre, folder, open_socket, platform

__all__ = ["centre", "folder", "open_socket", "platform"]
