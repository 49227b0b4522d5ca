"""Policy versions and their way into force; stops, gates, four eyes."""
