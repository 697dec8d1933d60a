"""Runs commands lane by lane: one lane has one session and one running command, across all replicas.

Knows the journal and the gateway only as ports.
"""
