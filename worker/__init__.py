"""Fapiao Worker: issues Chinese e-invoices from RabbitMQ commands; never lost, never twice, never guessed."""

__version__ = "0.1.0"
