"""One command that shows a call's whole life."""
