"""Every purpose a person may read of, in both languages."""

import pytest

from proxy.letters.speech import SPEECH
from proxy.playback.purposes import Use
from proxy.rights.outcomes.recipients import HandoverPurpose
from proxy.rights.packages.sending import PURPOSE
from sampling.policy import Purpose


@pytest.mark.parametrize("language", SPEECH)
def test_whatever_a_recording_is_made_heard_or_given_for_has_words(
    language: str,
) -> None:
    known = {*Purpose, *Use, *HandoverPurpose, PURPOSE}
    assert set(SPEECH[language].words["purposes"]) == known
