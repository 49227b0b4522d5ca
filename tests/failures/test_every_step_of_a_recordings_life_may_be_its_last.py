"""In directories for objects and keys, every step of a life may be its last."""

from typing import Any

import pytest

from tests.failures.recorded_life_suite import RecordedLifeSuite, mortals

__all__ = ["mortals"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class TestInDirectories(RecordedLifeSuite):
    """On one machine, without any other service."""

    stores = (
        "link /objects/",
        "unlink /objects/",
        "link /keys/",
        "unlink /keys/clinic/audio-",
        "unlink /keys/clinic/hold-",
    )

    @pytest.fixture
    def vault(self) -> dict[str, Any]:
        return {}
