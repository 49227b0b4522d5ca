"""With SeaweedFS and OpenBao, every step of a life may be its last."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.failures.recorded_life_suite import RecordedLifeSuite, mortals
from tests.fakes.call_centre import SITE
from tests.fakes.openbao import OpenBao, bao_server, openbao
from tests.fakes.seaweed import ACCESS_KEY, SECRET_KEY, new_bucket

__all__ = ["bao_server", "mortals", "openbao"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class TestInABucketUnderOpenBao(RecordedLifeSuite):
    """Over HTTP, with real servers on 127.0.0.1."""

    stores = (
        "PUT /test-*/objects/",
        "DELETE /test-*/objects/",
        "POST /v1/transit/keys/",
        "DELETE /v1/transit/keys/ponctuel-clinic.audio-",
        "DELETE /v1/transit/keys/ponctuel-clinic.hold-",
    )

    @pytest.fixture
    async def vault(
        self, s3_server: str, openbao: OpenBao
    ) -> AsyncIterator[dict[str, Any]]:
        async with new_bucket(s3_server) as bucket:
            yield {
                "s3": {
                    "endpoint": bucket.endpoint,
                    "bucket": bucket.name,
                    "access_key": ACCESS_KEY,
                    "secret_key": SECRET_KEY,
                },
                "transit": {"address": openbao.address, "token": openbao.token(SITE)},
            }
