// A TypeScript client signs somebody in and calls a tool: node signin.mjs v1|v2.
//
// It knows the endpoint (RELEASES_URL) and what docs/mcp.md has people configure: CLIENT_ID and
// CALLBACK_PORT. Everything else it finds out. The browser is a loop that follows redirects.
import assert from "node:assert/strict";
import http from "node:http";
import { browse } from "./browser.mjs";

const { RELEASES_URL, CLIENT_ID, CALLBACK_PORT } = process.env;
const generation = process.argv[2];
const { Client } = await import(generation === "v1" ? "@modelcontextprotocol/sdk/client/index.js" : "@modelcontextprotocol/client");
const { StreamableHTTPClientTransport } = await import(generation === "v1" ? "@modelcontextprotocol/sdk/client/streamableHttp.js" : "@modelcontextprotocol/client");
const { UnauthorizedError } = await import(generation === "v1" ? "@modelcontextprotocol/sdk/client/auth.js" : "@modelcontextprotocol/client");

const redirectUrl = `http://localhost:${CALLBACK_PORT}/callback`;
let arrived;
const callback = new Promise((resolve) => (arrived = resolve));
const listener = http.createServer((request, response) => {
  response.end("You can close this window.");
  arrived(new URL(request.url, redirectUrl).searchParams);
});
await new Promise((up) => listener.listen(CALLBACK_PORT, "localhost", up));

const kept = {};
const provider = {
  redirectUrl,
  clientMetadata: { client_name: "mcp-check", redirect_uris: [redirectUrl], grant_types: ["authorization_code", "refresh_token"], token_endpoint_auth_method: "none" },
  clientInformation: () => ({ client_id: CLIENT_ID }),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  redirectToAuthorization: (url) => { kept.asked = url; return browse(url); },
};
const transport = () => new StreamableHTTPClientTransport(new URL(RELEASES_URL), { authProvider: provider });
const client = () => new Client({ name: "mcp-check", version: "1.0.0" });

const first = transport();
await assert.rejects(client().connect(first), (error) => error instanceof UnauthorizedError || assert.fail(error));
const answer = await callback;
assert.ok(answer.get("code"), `no code came back: ${answer}`);
await first.finishAuth(generation === "v1" ? answer.get("code") : answer);
const signedIn = client();
await signedIn.connect(transport());
const tools = (await signedIn.listTools()).tools.map((tool) => tool.name);
assert.ok(tools.includes("append_release_log") && !tools.includes("create_release"), `an Auditor sees ${tools}`);
const listed = await signedIn.callTool({ name: "list_releases", arguments: { limit: 1 } });
assert.ok(!listed.isError, JSON.stringify(listed));
await signedIn.close();
listener.close();
console.log(`scope ${kept.asked.searchParams.get("scope")}, resource ${kept.asked.searchParams.has("resource")}, ${tools.length} tools`);
process.exit(0);
