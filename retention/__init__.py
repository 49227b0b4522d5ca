"""How long recordings live and how they end: pure rules. No I/O, no clock."""
