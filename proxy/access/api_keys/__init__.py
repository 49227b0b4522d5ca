"""Keys of machines: for a few things, for a time, and taken back at once."""
