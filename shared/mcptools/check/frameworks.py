"""Frameworks of agents against the endpoint: python frameworks.py NAME http|stdio PROGRAM.

NAME is fastmcp or langchain. Each is a client of its own, as people build agents on it,
and is shown a refusal in its own way. The address and the token come from RELEASES_URL
and RELEASES_TOKEN (an Admin's), PROGRAM is the built mcp-stdio.
"""

import asyncio
import os
import sys

TOOLS = ["list_releases", "get_release", "create_release", "append_release_log", "transition_release_status"]
URL, TOKEN = os.environ["RELEASES_URL"], os.environ["RELEASES_TOKEN"]
ENVIRONMENT = {"RELEASES_URL": URL, "RELEASES_TOKEN": TOKEN}
MISSING = {"id": "REL-1999-Q1-001"}


async def fastmcp(way: str, program: str) -> None:
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
    from fastmcp.exceptions import ToolError

    transport = StreamableHttpTransport(URL, auth=TOKEN) if way == "http" else StdioTransport(program, [], env=ENVIRONMENT)
    async with Client(transport) as client:
        assert [t.name for t in await client.list_tools()] == TOOLS
        page = await client.call_tool("list_releases", {"limit": 1})
        assert "releases" in page.structured_content, page
        try:
            await client.call_tool("get_release", MISSING)
        except ToolError as refusal:
            assert str(refusal).startswith("NOT_FOUND: "), refusal
        else:
            raise AssertionError("not refused")


async def langchain(way: str, program: str) -> None:
    from langchain_core.tools import ToolException
    from langchain_mcp_adapters.client import MultiServerMCPClient

    where = (
        {"transport": "streamable_http", "url": URL, "headers": {"Authorization": f"Bearer {TOKEN}"}}
        if way == "http"
        else {"transport": "stdio", "command": program, "args": [], "env": ENVIRONMENT}
    )
    tools = {t.name: t for t in await MultiServerMCPClient({"releases": where}).get_tools()}
    assert list(tools) == TOOLS, tools
    page = await tools["list_releases"].ainvoke({"limit": 1})
    assert "releases" in str(page), page
    try:
        refusal = await tools["get_release"].ainvoke(MISSING)
    except ToolException as error:
        refusal = error
    assert "NOT_FOUND: " in str(refusal), refusal


name, way, program = sys.argv[1:]
asyncio.run({"fastmcp": fastmcp, "langchain": langchain}[name](way, program))
print(f"{name}, {way}: ok")
