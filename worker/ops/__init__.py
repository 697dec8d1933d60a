"""What an operator needs: logs, metrics, probes, and the few acts that only a person may decide."""
