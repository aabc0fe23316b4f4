"""The Python client against the endpoint: python client.py http|stdio MODE [PROGRAM].

MODE is auto (the newest protocol) or legacy (initialize). The address and the token come
from RELEASES_URL and RELEASES_TOKEN (an Admin's), PROGRAM is the built mcp-stdio.
"""

import asyncio
import os
import sys
import uuid

from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

TOOLS = ["list_releases", "get_release", "create_release", "append_release_log", "transition_release_status"]


def server(way: str, program: str):
    url, token = os.environ["RELEASES_URL"], os.environ["RELEASES_TOKEN"]
    if way == "stdio":
        return StdioServerParameters(command=program, env={"RELEASES_URL": url, "RELEASES_TOKEN": token})
    return streamable_http_client(url, http_client=create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}))


async def main(way: str, mode: str, program: str) -> None:
    async with Client(server(way, program), mode=mode) as client:
        listed = (await client.list_tools()).tools
        assert [t.name for t in listed] == TOOLS, listed
        for tool in listed:
            hints = tool.annotations
            assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint), tool
            assert tool.output_schema["type"] == "object", tool

        key = str(uuid.uuid4())
        plan = {"name": "Checked by the Python client", "idempotencyKey": key, "successCriteria": "1 % ✓ — «ok»"}
        made = await client.call_tool("create_release", plan)
        assert not made.is_error, made
        release = made.structured_content["id"]
        again = await client.call_tool("create_release", plan)
        assert again.structured_content["id"] == release, "a repeated call made a second release"

        read = await client.call_tool("get_release", {"id": release})
        first = read.structured_content["readiness"]["next"][0]
        assert first["status"] == "approved" and first["ready"] is True, read
        refused = await client.call_tool("transition_release_status", {"id": release, "status": "deployed"})
        assert refused.is_error and refused.content[0].text.startswith("INVALID_TRANSITION: "), refused
        moved = await client.call_tool("transition_release_status", {"id": release, "status": "approved", "ifRevision": 1})
        assert moved.structured_content["status"] == "approved", moved
        entry = await client.call_tool("append_release_log", {"id": release, "text": "Written by the Python client."})
        assert entry.structured_content["author"], entry
        page = await client.call_tool("list_releases", {"limit": 1})
        assert len(page.structured_content["releases"]) == 1, page
        try:
            await client.call_tool("drop_database", {})
        except MCPError as error:
            assert "unknown tool" in str(error), error
        else:
            raise AssertionError("an unknown tool is no error")
    print(f"Python client, {way}, {mode}: ok ({release})")


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""))
