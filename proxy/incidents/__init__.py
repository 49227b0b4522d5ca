"""Things that must not happen, their 72-hour clock, what an authority is told."""
