"""Which recordings somebody may reach, until when: given by another, and ended."""
