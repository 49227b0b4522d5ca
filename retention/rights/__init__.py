"""What persons may ask for, when it is due, and which moves a request may make."""
