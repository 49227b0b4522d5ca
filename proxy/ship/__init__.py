"""Shippers that run beside a telephony platform."""
