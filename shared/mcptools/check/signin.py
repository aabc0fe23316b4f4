"""The Python client signs somebody in and calls a tool: python signin.py.

It knows the endpoint (RELEASES_URL) and what docs/mcp.md has people configure: CLIENT_ID and
CALLBACK_PORT. Everything else it finds out. The browser is browser.mjs.
"""

import asyncio
import os
from urllib.parse import parse_qs, urlparse

from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata

URL, CLIENT_ID, PORT = (os.environ[name] for name in ("RELEASES_URL", "CLIENT_ID", "CALLBACK_PORT"))
REDIRECT = f"http://localhost:{PORT}/callback"


class Kept:
    """What a host keeps: the client that an administrator registered, and the tokens."""

    tokens = None
    # Discovery says the issuer; a client id that was typed in belongs to whichever it is.
    client = OAuthClientInformationFull(client_id=CLIENT_ID, redirect_uris=[REDIRECT], token_endpoint_auth_method="none")

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


async def main() -> None:
    asked, answered = [], asyncio.get_running_loop().create_future()

    async def arrive(reader, writer):
        path = (await reader.readline()).decode().split(" ")[1]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        answered.set_result({k: v[0] for k, v in parse_qs(urlparse(path).query).items()})

    async def redirect(url: str) -> None:
        asked.append(parse_qs(urlparse(url).query))
        browser = await asyncio.create_subprocess_exec("node", "browser.mjs", url)
        assert await browser.wait() == 0, "the sign-in did not come back"

    async def callback() -> AuthorizationCodeResult:
        answer = await answered
        assert "code" in answer, answer
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))

    listener = await asyncio.start_server(arrive, "localhost", int(PORT))
    about = OAuthClientMetadata(client_name="mcp-check", redirect_uris=[REDIRECT], token_endpoint_auth_method="none")
    auth = OAuthClientProvider(URL, about, Kept(), redirect, callback)
    async with Client(streamable_http_client(URL, http_client=create_mcp_http_client(auth=auth))) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "append_release_log" in names and "create_release" not in names, f"an Auditor sees {names}"
        listed = await client.call_tool("list_releases", {"limit": 1})
        assert not listed.is_error, listed
    listener.close()
    print(f"scope {asked[0]['scope'][0]}, resource {'resource' in asked[0]}, {len(names)} tools")


asyncio.run(main())
