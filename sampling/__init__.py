"""Which calls are kept: pure rules, replayable by an outsider. No I/O, no clock."""
