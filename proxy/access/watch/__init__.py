"""Looking, all the time, for those who look where they should not."""
