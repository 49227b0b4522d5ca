"""Who may do what: people, roles, permissions. Denied unless allowed."""
