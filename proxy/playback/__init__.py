"""Listening without downloading: what may be heard, in pieces, on the record."""
