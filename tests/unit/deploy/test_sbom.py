"""The bill of materials says just what the lock says."""

import json
import re
import subprocess
from pathlib import Path

from deploy.provisioning.sbom import bill

ROOT = Path(__file__).resolve().parents[3]
LOCK = (ROOT / "deploy" / "requirements.lock").read_text(encoding="utf-8")


def test_every_pin_is_a_component_with_all_its_hashes() -> None:
    told = subprocess.run([str(ROOT / "deploy" / "sbom")], capture_output=True, text=True, check=True, timeout=240)

    document = json.loads(told.stdout)

    pins = {line.split(" ")[0] for line in LOCK.splitlines() if re.match(r"[A-Za-z0-9._-]+==", line)}
    assert {f"{part['name']}=={part['version']}" for part in document["components"]} == pins
    hashes = [digest["content"] for part in document["components"] for digest in part["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", LOCK))
    assert all(part["hashes"] for part in document["components"])
    assert len(document["dependencies"]) == len(pins) + 1
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")


def test_the_same_lock_gives_the_same_document_and_another_lock_another_serial_number() -> None:
    project = {"name": "p", "version": "1", "description": "d", "license": "Apache-2.0"}
    lock = "a==1 ; python_version < '3.12' \\\n    --hash=sha256:" + "0" * 64 + "\n    # via p\n"

    assert bill(lock, project) == bill(lock, project)
    assert bill(lock, project)["serialNumber"] != bill(lock.replace("a==1", "a==2"), project)["serialNumber"]
    assert bill(lock, project)["components"][0]["properties"] == [
        {"name": "pip:marker", "value": "python_version < '3.12'"}
    ]
