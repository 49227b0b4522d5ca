"""Emergency access to one recording: off by default, loud, short, reviewed."""
