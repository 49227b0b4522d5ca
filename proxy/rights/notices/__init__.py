"""What callers are told here, from what is in force; and what they were told before."""
