"""Intake: messages become journaled commands, and only then are acknowledged."""
