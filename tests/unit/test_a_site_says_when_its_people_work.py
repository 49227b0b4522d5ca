"""Working hours and the size of a sample: what a site may say, and what not."""

from datetime import time

import pytest
from pydantic import ValidationError

from proxy.access_settings import AccessPart


def test_without_a_word_they_work_from_seven_to_nine_in_the_evening_in_paris():
    part = AccessPart()

    assert (part.time_zone, part.opens, part.closes) == (
        "Europe/Paris",
        time(7),
        time(21),
    )
    assert (part.weekends, part.review_sample, part.break_glass) == (False, 20, False)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"time_zone": "Paris"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"opens": time(21), "closes": time(7)}, "opens"),
        ({"review_sample": 4}, "review_sample"),
        ({"review_sample": 201}, "review_sample"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(said, field):
    with pytest.raises(ValidationError, match=field):
        AccessPart.model_validate(said)
