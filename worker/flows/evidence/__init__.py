"""What became of a submission, weighed from replies and listed invoices. Pure."""
