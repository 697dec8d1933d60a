"""Which version of the worker this is."""

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    """The installed version; `0` where the package is not installed."""
    try:
        return version("fapiao-worker")
    except PackageNotFoundError:
        return "0"
