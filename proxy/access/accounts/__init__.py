"""Named accounts: what people sign in with, and what being signed in is."""
