"""What requests other than access do to recordings, and who is told of it."""
