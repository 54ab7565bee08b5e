#!/usr/bin/env python3
"""sbom.py TARGET TOOLCHAIN_TXT LICENSES BINARY OUT: writes OUT.cdx.json and OUT.licenses.txt for one binary.

The first is a software bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), the second holds the
licence texts of everything that is linked into the binary: dependencies, and the files of the directory LICENSES.
The same input gives the same output; SOURCE_DATE_EPOCH is the time in it."""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import uuid


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(target):
    """Name and version of the packages that are linked, not those that only run while it is built."""
    tree = output(
        "cargo", "tree", "--locked", "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "none",
        "--format", "{p}",
    )  # fmt: skip
    return sorted({tuple(re.match(r"(\S+) v(\S+)", line).groups()) for line in tree.splitlines()})


def component(package, checksum):
    purl = f"pkg:cargo/{package['name']}@{package['version']}"
    entry = {"type": "library", "bom-ref": purl, "name": package["name"], "version": package["version"], "purl": purl}
    if package["license"]:
        # Some manifests still use the separator from before SPDX.
        entry["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return entry


def license_files(package):
    directory = pathlib.Path(package["manifest_path"]).parent
    pattern = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
    return sorted(path for path in directory.iterdir() if pattern.match(path.name) and path.is_file())


def main(target, toolchain, licenses, binary, out):
    metadata = json.loads(output("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text())
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}
    text = pathlib.Path(toolchain).read_text()
    rust = re.search(r"^release: (\S+)", text, re.MULTILINE).group(1)
    musl = re.search(r"^musl (\S+)", text, re.MULTILINE).group(1)
    root = next(package for package in metadata["packages"] if package["source"] is None)
    names = [key for key in linked(target) if key != (root["name"], root["version"])]

    main_component = component(root, hashlib.sha256(pathlib.Path(binary).read_bytes()).hexdigest())
    main_component["type"] = "application"
    components = [component(packages[key], checksums[key]) for key in names]
    for name, version, license, address in [
        ("rust-std", rust, "MIT OR Apache-2.0", f"pkg:generic/rust-std@{rust}"),
        ("musl", musl, "MIT", f"pkg:generic/musl@{musl}"),
    ]:
        components.append({
            "type": "library", "bom-ref": address, "name": name, "version": version, "purl": address,
            "licenses": [{"expression": license}],
        })  # fmt: skip
    now = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": main_component,
            "properties": [
                {"name": "target", "value": target},
                {"name": "toolchain", "value": text},
            ],
        },
        "components": components,
        "dependencies": [
            {"ref": main_component["bom-ref"], "dependsOn": [entry["bom-ref"] for entry in components]},
            *({"ref": entry["bom-ref"]} for entry in components),
        ],
    }
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill)).urn
    pathlib.Path(f"{out}.cdx.json").write_text(json.dumps(bill, indent=2) + "\n")

    owners = {}
    for key in names:
        for path in license_files(packages[key]):
            owners.setdefault(path.read_text(errors="replace").strip(), []).append(" ".join(key))
    for path in sorted(pathlib.Path(licenses).iterdir()):
        owners.setdefault(path.read_text(errors="replace").strip(), []).append(path.stem)
    texts = sorted((sorted(set(holders)), text) for text, holders in owners.items())
    rule = "\n" + "=" * 80 + "\n"
    pathlib.Path(f"{out}.licenses.txt").write_text(
        rule.join(f"{', '.join(holders)}\n\n{text}\n" for holders, text in texts)
    )


main(*sys.argv[1:])
