"""A session over stdio that outlives its token, with the Python client: python renewal.py PROGRAM.

The token comes from a file here, which something else keeps fresh.
"""

import asyncio
import os
import sys
import urllib.request
from urllib.parse import urljoin

from mcp import Client, StdioServerParameters

URL = os.environ["RELEASES_URL"]
FILE = os.path.abspath("renewal-python.token")


def refresh() -> str:
    with urllib.request.urlopen(urljoin(URL, "/_local/token?role=admin&life=1s")) as answer:
        token = answer.read().decode().strip()
    with open(FILE, "w", encoding="utf-8") as out:
        out.write(token)
    return token


async def main(program: str) -> None:
    first = refresh()
    server = StdioServerParameters(command=program, env={"RELEASES_URL": URL, "RELEASES_TOKEN_FILE": FILE})
    async with Client(server) as client:
        assert not (await client.call_tool("list_releases", {"limit": 1})).is_error
        await asyncio.sleep(66)
        request = urllib.request.Request(URL, data=b"{}", headers={"Authorization": f"Bearer {first}"})
        try:
            urllib.request.urlopen(request)
        except urllib.error.HTTPError as refused:
            assert refused.code == 401, refused
        else:
            raise AssertionError("the first token is good still, and this shows nothing")
        refresh()
        made = await client.call_tool("create_release", {"name": "Made with a renewed token"})
        assert not made.is_error, made
    print("two tokens, one session, no error")


asyncio.run(main(sys.argv[1]))
