"""The `postcall` command."""
