"""Keeps the files of invoices: fetched, checked and stored once, for their addresses expire."""
