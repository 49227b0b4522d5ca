"""The desk where people exercise their rights: from a request to its answer."""
