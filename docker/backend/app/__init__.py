"""A small backend that uses each of its credentials."""
