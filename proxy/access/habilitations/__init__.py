"""Who may what, looked at as a whole each quarter and signed for."""
