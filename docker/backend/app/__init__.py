"""A small backend that proves each of its credentials at work."""
