"""The outbox: events that the journal has committed, on their way to the broker."""
