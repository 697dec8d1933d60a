"""The test kit: broker, sandbox and worker for the tests of a program that publishes orders. See the README beside."""
