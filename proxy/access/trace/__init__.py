"""Who did what, to which item, when and why: append-only, and never published."""
