"""Writes the contract as one HTML page, from the caller's side: all of it in one file, to be opened from anywhere.

    .venv/bin/python -m deploy.release.page dist/contract.html

AsyncAPI's own React component draws it, as it does in AsyncAPI's `html-template`, whose generator would be 400 MB and
Node 24. npm fetches that one package, by version and hash; nothing of it runs here. A page needs no network.
"""

import base64
import hashlib
import html
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from contracts import asyncapi, caller
from deploy.provisioning import CannotProvisionError

COMPONENT: Final = "@asyncapi/react-component@3.2.1"
SHA512: Final = "k5ZqJd6+oxYaQ2o6F3rGWJ1MTIjXdpsUYB3NKQbVqr4yzrN0Ovj5c7eZx8NGd3wfKPhbOrLREtYl9K2OPfnSsA=="
_SCRIPT: Final = "package/browser/standalone/index.js"
_STYLE: Final = "package/styles/default.min.css"
_FETCH_SECONDS: Final = 300
_CONFIGURATION: Final = {
    "show": {"sidebar": True, "errors": False},
    "sidebar": {"showOperations": "byDefault"},
    "expand": {"messageExamples": True},
    "requestLabel": "PUBLISH",
    "receiveLabel": "CONSUME",
}
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<style>body {{ margin: 0 }}</style>
</head>
<body>
<div id="contract"></div>
<noscript>This page needs JavaScript. The same as text: asyncapi.yaml.</noscript>
<script>{script}</script>
<script>
const told = {{schema: {document}, config: {configuration}}};
AsyncApiStandalone.render(told, document.getElementById("contract"));
</script>
</body>
</html>
"""


def page(script: str, style: str) -> str:
    """The page around the component's script and style."""
    told = caller.document()
    return _PAGE.format(
        title=html.escape(f"{told['info']['title']} {told['info']['version']}"),
        style=style,
        script=script.replace("</script", "<\\/script"),
        document=_inside_a_script(told),
        configuration=_inside_a_script(_CONFIGURATION),
    )


def component(folder: Path) -> tuple[str, str]:
    """The component's script and style, by npm into `folder`, held to its hash. Raises CannotProvisionError."""
    npm = shutil.which("npm")
    if npm is None:
        raise CannotProvisionError("npm is missing: install Debian's package npm.")
    command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), COMPONENT]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
    packed = next(iter(folder.glob("*.tgz")), None)
    if done.returncode or packed is None:
        raise CannotProvisionError(f"npm could not fetch {COMPONENT}: {' '.join(done.stderr.split())[-500:]}")
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise CannotProvisionError(f"What npm fetched as {COMPONENT} has another hash: {digest}")
    with tarfile.open(packed) as archive:
        return _text(archive, _SCRIPT), _text(archive, _STYLE)


def main(arguments: list[str]) -> int:
    """Write the page, and the document that it shows beside it."""
    if len(arguments) != 1:
        print("usage: python -m deploy.release.page FILE.html", file=sys.stderr)
        return 64
    target = Path(arguments[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="fapiao-page-") as folder:
            script, style = component(Path(folder))
    except CannotProvisionError as error:
        print(f"deploy.release.page: {error}", file=sys.stderr)
        return 69
    target.write_text(page(script, style), encoding="utf-8")
    target.with_suffix(".asyncapi.yaml").write_text(asyncapi.yaml(caller.document()), encoding="utf-8")
    return 0


def _text(archive: tarfile.TarFile, name: str) -> str:
    file = archive.extractfile(name)
    if file is None:
        raise CannotProvisionError(f"{COMPONENT} has no {name}.")
    return file.read().decode("utf-8")


def _inside_a_script(value: object) -> str:
    """JSON that cannot end the script around it."""
    return json.dumps(value, ensure_ascii=False).replace("</", "<\\/").replace("<!--", "<\\u0021--")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
