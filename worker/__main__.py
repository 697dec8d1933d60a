"""`python -m worker` is `fapiao-worker`."""

from worker.cli import main

if __name__ == "__main__":
    main()
