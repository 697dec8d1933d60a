"""A stand-in for the vendor's gateway: see the README beside this file."""
