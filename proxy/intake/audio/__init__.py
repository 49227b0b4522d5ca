"""What the clear audio is and how long it lasts, told while it streams by.

Recognised by content, never by name or declared type: WAV, MP3 and Ogg pass, the rest
is refused. Written here because existing readers want a whole file, on disk or in
memory. From: RIFF/WAVE (Microsoft, Multimedia Data Standards Update 3.0), ISO 11172-3
and 13818-3 (MPEG audio), RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), Vorbis I.
"""

from proxy.intake.audio.probe import AudioFacts, AudioProbe

__all__ = ["AudioFacts", "AudioProbe"]
