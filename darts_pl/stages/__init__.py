"""The stages of a run: each reads files, writes files and can be repeated alone."""
