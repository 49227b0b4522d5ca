"""The four TwiML documents this service answers with.

Recording is only ever part of `connect_and_record`, which answers a caller who heard
the announcement and did not refuse. Every document connects the call: an empty one
would make Twilio hang up.
"""

import re
from xml.etree.ElementTree import Element, SubElement, tostring

CONTENT_TYPE = "application/xml"
CHOICE_SECONDS = 3
# XML 1.0, section 2.2: no escape exists for these.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def connect(forward_to: str) -> bytes:
    """Connect the call; nothing is recorded."""
    response = Element("Response")
    _dial(response, forward_to, {})
    return _document(response)


def connect_and_record(forward_to: str, recording_callback: str) -> bytes:
    """Connect the call and record both channels from the moment it is answered.

    `trim` and the track are stated because Twilio's defaults differ between the ways
    to start a recording (2026-11).
    """
    response = Element("Response")
    recording = {
        "record": "record-from-answer-dual",
        "recordingTrack": "both",
        "trim": "do-not-trim",
        "recordingStatusCallback": recording_callback,
        "recordingStatusCallbackEvent": "in-progress completed absent",
    }
    _dial(response, forward_to, recording)
    return _document(response)


def announce(text: str, language: str, choice_callback: str) -> bytes:
    """Say that the call will be recorded, and send the caller's key, or none, on."""
    response = Element("Response")
    attributes = {
        "action": choice_callback,
        "actionOnEmptyResult": "true",
        "method": "POST",
        "numDigits": "1",
        # By default the hash key ends the input and arrives as no key: no refusal.
        "finishOnKey": "",
        "timeout": str(CHOICE_SECONDS),
    }
    gather = SubElement(response, "Gather", attributes)
    SubElement(gather, "Say", {"language": language}).text = _clean(text)
    return _document(response)


def _dial(response: Element, forward_to: str, attributes: dict[str, str]) -> None:
    dial = SubElement(response, "Dial", {"answerOnBridge": "true", **attributes})
    noun = "Sip" if forward_to.lower().startswith(("sip:", "sips:")) else "Number"
    SubElement(dial, noun).text = _clean(forward_to)


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)


def _document(response: Element) -> bytes:
    document: bytes = tostring(response, encoding="utf-8", xml_declaration=True)
    return document
