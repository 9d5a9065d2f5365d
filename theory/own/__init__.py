"""A user's own patches, checked: what the theorems say about them, and what descent does."""

from theory.own.check import Options, check

__all__ = ["Options", "check"]
