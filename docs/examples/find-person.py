"""Finds where a person is named in the record, in releases and in change requests: see "To erase a person" in docs/operations.md.

    URL=https://… TOKEN=… python3 find-person.py 'Otto Auditor,otto@example.com,5f0b36e2-6a3f-4a7c' REL-2026-Q2-007

The first argument is what names the person (name, address, subject), with commas between; the others are ids of deleted releases, which
no list has. Lines that begin with # are fields that something still has; the others are bodies for POST /api/record/erasures.
"""

import json
import os
import sys
import urllib.request

words, deleted = [word.strip().lower() for word in sys.argv[1].split(",")], sys.argv[2:]


def get(path):
    ask = urllib.request.Request(os.environ["URL"] + "/api" + path, headers={"Authorization": "Bearer " + os.environ["TOKEN"]})
    return json.load(urllib.request.urlopen(ask))


def pages(path, of):
    cursor = ""
    while cursor is not None:
        page = get(path + "?limit=100" + cursor)
        yield from page[of]
        cursor = "&cursor=" + page["nextCursor"] if page.get("nextCursor") else None


def places(value, at=""):
    """Where in a value one of the words stands, such as rolloutSteps[0].ownerEmail."""
    if isinstance(value, dict):
        return [p for name, v in value.items() for p in places(v, at + "." + name if at else name)]
    if isinstance(value, list):
        return [p for n, v in enumerate(value) for p in places(v, f"{at}[{n}]")]
    return [at] if any(word in str(value).lower() for word in words) else []


for kind, of, field in ("releases", "releases", "releaseId"), ("change-requests", "changeRequests", "changeRequestId"):
    gone = deleted if kind == "releases" else []
    for id in [one["id"] for one in pages("/" + kind, of)] + gone:
        if id not in gone:
            for place in places({name: v for name, v in get(f"/{kind}/{id}").items() if name not in ("deploymentLog", "decisions")}):
                print("#", id, place)
        for entry in pages(f"/{kind}/{id}/log", "entries"):
            # The holder of a hold is erased with the subject, the values of fields are erased together.
            values = {"subject" if place == "hold.holder" else place.split("[")[0] for place in places(entry)}
            if values:
                print(json.dumps({field: id, "entry": entry["id"], "values": sorted(values)}))
