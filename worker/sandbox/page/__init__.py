"""The page at `/`: what goes on in the sandbox, and the switches to change it."""
