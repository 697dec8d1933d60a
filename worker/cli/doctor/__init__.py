"""Whether this worker could work here: broker, store, gateway, a line each with the fix."""
