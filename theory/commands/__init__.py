"""Commands with a module of their own; :mod:`theory.cli` puts them together."""
