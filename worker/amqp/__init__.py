"""The only door to RabbitMQ: connections that are rebuilt from nothing, deliveries, confirmed publishes, topology.

Knows nothing of commands or events.
"""
