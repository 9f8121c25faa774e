"""Procedural sample worlds, one file a task: paired pictures made on the spot, without any network or download."""
