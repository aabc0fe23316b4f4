"""Looks at what sam build made: every function of the template has a file of its own, and it
is for the processor that the template names. A function whose file is for another processor
deploys without a word and fails at its first call.

Usage: built.py <build directory> [architecture]"""

import hashlib
import os
import struct
import sys

import stack

# e_machine of an ELF file (the System V ABI's supplements for the two processors).
MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}


def machine(path):
    with open(path, "rb") as f:
        head = f.read(20)
    if head[:4] != b"\x7fELF":
        return "no executable for Linux"
    return MACHINES.get(struct.unpack("<H", head[18:20])[0], "another processor")


def main():
    directory, wanted = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    template = stack.read(os.path.join(directory, "template.yaml"))
    shared = template["Globals"]["Function"]
    complaints, hashes = [], {}
    for name, r in template["Resources"].items():
        if r["Type"] != "AWS::Serverless::Function":
            continue
        claims = r["Properties"].get("Architectures", shared.get("Architectures"))
        path = os.path.join(directory, r["Properties"]["CodeUri"], r["Properties"].get("Handler", shared["Handler"]))
        is_for = machine(path)
        if claims != [is_for] or wanted not in (None, is_for):
            complaints.append(f"{name} is said to be for {claims}, and its file is for {is_for}")
        with open(path, "rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
        if digest in hashes:
            complaints.append(f"{name} and {hashes[digest]} are the same file")
        hashes[digest] = name
    if not hashes:
        complaints.append(f"there is no function in {directory}")
    for c in complaints:
        print("✗", c, file=sys.stderr)
    if not complaints:
        print(f"{len(hashes)} functions built, each its own, each for {is_for} as the template says")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
