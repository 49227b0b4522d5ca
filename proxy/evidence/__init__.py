"""What an outsider gets: one file that checks itself against the auditor's own."""
