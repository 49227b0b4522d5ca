"""From a call's first webhook to its sealed recording."""
