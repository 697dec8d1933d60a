"""`fapiao-worker dev`: everything that one's own program needs beside it for a day of work, in one command."""
