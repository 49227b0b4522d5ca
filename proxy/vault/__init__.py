"""Recordings at rest: sealed, keyed, listed."""
