"""What the sandbox has issued and received: the ledger and its archive. Pure."""
