"""Tools an outsider runs. Standard library only; shares no code with the service."""
