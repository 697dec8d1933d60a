"""What carries out one command on its lane: one run per kind of command."""
