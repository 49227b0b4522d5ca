"""Randomness from outside: asked for, checked, and kept for every replica."""
