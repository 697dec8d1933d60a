"""What the generators make of the bundle, and messages read and written back by it: one process per language.

Each function takes the generators, the folder where the models were written, and messages by type; it returns them as
the models write them. Raises `AssertionError` with what a compiler or a program said.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.provisioning.generators import Generators

HERE = Path(__file__).resolve().parent
BUNDLE = HERE.parents[1] / "contracts" / "schemas" / "bundle.json"
QUICKTYPE = ("typescript", "java", "go", "csharp")

Messages = Mapping[str, Sequence[str]]


def quicktype(tools: Generators, out: Path) -> None:
    """Write the models of all languages that quicktype knows, into a folder each."""
    _run([tools.node, HERE / "generate.mjs", tools.node_modules, BUNDLE, out, *QUICKTYPE])


def typescript(tools: Generators, out: Path, messages: Messages) -> Messages:
    """Compiled by TypeScript's own compiler, strictly."""
    models = out / "typescript" / "models.ts"
    return _converse([tools.node, HERE / "roundtrip.mjs", tools.node_modules, models], messages)


def java(tools: Generators, out: Path, messages: Messages) -> Messages:
    """Compiled by javac, with Jackson as Debian has it."""
    converter = out / "java" / "Converter.java"
    # Debian's Jackson says that writing may raise any IOException; upstream's says JsonProcessingException, its kind.
    text = converter.read_text().replace("obj) throws JsonProcessingException {", "obj) throws IOException {")
    converter.write_text(text)
    classes = out / "classes"
    sources = [*(out / "java").glob("*.java"), HERE / "RoundTrip.java"]
    options: list[str | Path] = ["-encoding", "UTF-8", "-proc:none", "-nowarn", "-d", classes, "-cp", tools.jackson]
    _run([tools.javac, *options, *sources])
    path = f"{classes}:{tools.jackson}"
    return _converse([tools.java, "-XX:TieredStopAtLevel=1", "-cp", path, "RoundTrip"], messages)


def go(tools: Generators, out: Path, messages: Messages) -> Messages:
    """Compiled by go, without any module but its own library."""
    folder = out / "go"
    cases = "".join(f'\t"{kind}": func(m []byte) (any, error) {{ return Unmarshal{kind}(m) }},\n' for kind in messages)
    (folder / "main.go").write_text((HERE / "main.go.in").read_text().replace("// CASES\n", cases))
    (folder / "go.mod").write_text("module models\n\ngo 1.18\n")
    _run([tools.go, "build", "-o", out / "round-trip", "."], folder)
    return _converse([out / "round-trip"], messages)


def python(tools: Generators, out: Path, messages: Messages) -> Messages:
    """Pydantic models by datamodel-code-generator."""
    folder = out / "python"
    folder.mkdir()
    wanted = ["--input-file-type", "jsonschema", "--output-model-type", "pydantic_v2.BaseModel"]
    options = [*wanted, "--formatters", "builtin", "--disable-warnings"]
    _run([tools.datamodel_codegen, "--input", BUNDLE, "--output", folder / "models.py", *options])
    return _converse([tools.python, HERE / "round_trip.py", folder], messages)


def _converse(command: Sequence[str | Path], messages: Messages) -> Messages:
    written: dict[str, list[str]] = json.loads(_run(command, given=json.dumps(messages)))
    return written


def _run(command: Sequence[str | Path], folder: Path = HERE, given: str = "") -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=folder, input=given, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
