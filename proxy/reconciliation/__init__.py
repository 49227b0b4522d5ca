"""What the platform really recorded, compared with what was drawn."""
