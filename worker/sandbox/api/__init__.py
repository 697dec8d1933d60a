"""The control API under `/_sandbox/`: one table of routes, from which it is answered and described."""
