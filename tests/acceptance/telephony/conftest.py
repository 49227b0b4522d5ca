"""The telephony tests need a machine with the platform's programs."""

import os

import pytest

from tests.acceptance.telephony.lab import missing_parts


@pytest.fixture
def sip_platform() -> None:
    """Skips where the platform cannot run; in CI that is a failure, never a skip."""
    missing = missing_parts()
    if missing and os.environ.get("CI"):
        pytest.fail(f"the telephony tests must run in CI; missing: {missing}")
    if missing:
        pytest.skip(f"no SIP platform here; missing: {', '.join(missing)}")
