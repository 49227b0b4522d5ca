"""Whether reality still looks random: detectors, the breaker, their state."""
