"""Commands of their own module; ``theory.cli`` gathers them. Nothing heavy is imported before a command needs it."""
