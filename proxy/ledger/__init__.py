"""The log of everything that must be provable."""
