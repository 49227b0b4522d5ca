"""Telephony platforms: one module each, none knows another."""
