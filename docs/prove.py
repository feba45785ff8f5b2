"""Check what `docledger prove ID --json` printed: python3 prove.py PROOF.json ROOT

ROOT is the third line of a seal that you kept yourself. Needs Python's standard library only."""

import json
import struct
import sys
from base64 import b64decode
from hashlib import sha256
from pathlib import Path


def leaf(document_id, event):
    texts = (document_id.encode(), event["topic"].encode(), b64decode(event["state"]))
    sealed = struct.pack(">QQ", event["position"], event["version"])
    sealed += b"".join(struct.pack(">Q", len(text)) + text for text in texts)
    return sha256(b"\0" + sealed).digest()


def root(found, index, last, proof):  # RFC 9162, 2.1.3.2
    for sibling in map(b64decode, proof):
        if index & 1 or index == last:
            found = sha256(b"\1" + sibling + found).digest()
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            found = sha256(b"\1" + found + sibling).digest()
        index, last = index >> 1, last >> 1
    return None if last else found


given = json.loads(Path(sys.argv[1]).read_text())
document_id, events = given["documentId"], given["events"]
for version, event in enumerate(events, start=1):
    hashed = leaf(document_id, event)
    led_to = root(hashed, event["index"], given["size"] - 1, event["proof"])
    if led_to != b64decode(sys.argv[2]) or event["version"] != version:
        sys.exit(f"{document_id}: version {version} is NOT proven")
print(f"{document_id}: {len(events)} events, all in the log of this root")
