"""The `ponctuel` commands, one module each: `add_to(parsers)` and what it runs."""
