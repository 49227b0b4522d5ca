"""Pages for people: rendered here, by keyboard, in French and English."""
