"""What the topology operator declares is made from what the worker declares."""

from deploy.kubernetes import topology


def test_the_manifests_are_up_to_date() -> None:
    """If this fails: `python -m deploy.kubernetes.topology`."""
    assert topology.main(["--check"]) == 0
