"""The monthly look at the trace, signed by a data protection officer."""
