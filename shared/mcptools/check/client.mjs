// The TypeScript clients against the endpoint: node client.mjs http|stdio MODE [PROGRAM].
//
// MODE is auto (the newest protocol) or legacy (initialize) for the client of the second
// generation, and v1 for the one of the first, of which many are in use; remote is v1 over
// stdio to mcp-remote, which goes on over HTTP. The address and the token come from
// RELEASES_URL and RELEASES_TOKEN (an Admin's), PROGRAM is the built mcp-stdio.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const [way, mode, program] = process.argv.slice(2);
const { RELEASES_URL, RELEASES_TOKEN } = process.env;
const info = { name: "mcp-check", version: "1.0.0" };
const tools = ["list_releases", "get_release", "create_release", "append_release_log", "transition_release_status"];

async function connect() {
  const http = [new URL(RELEASES_URL), { requestInit: { headers: { Authorization: `Bearer ${RELEASES_TOKEN}` } } }];
  const stdio = [mode === "remote"
    ? {
      command: process.execPath,
      args: ["node_modules/mcp-remote/dist/proxy.js", RELEASES_URL, "--transport", "http-only", "--header", "Authorization:${AUTHORIZATION}"],
      env: { AUTHORIZATION: `Bearer ${RELEASES_TOKEN}`, HOME: process.cwd() },
    }
    : { command: program, env: { RELEASES_URL, RELEASES_TOKEN } }];
  if (mode === "v1" || mode === "remote") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
    const client = new Client(info);
    await client.connect(way === "http" ? new StreamableHTTPClientTransport(...http) : new StdioClientTransport(...stdio));
    return client;
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const client = new Client(info, { versionNegotiation: { mode } });
  await client.connect(way === "http" ? new StreamableHTTPClientTransport(...http) : new StdioClientTransport(...stdio));
  return client;
}

const client = await connect();
// Calls are checked against the output schemas, which a client only knows once it has listed.
const listed = (await client.listTools()).tools;
assert.deepEqual(listed.map((t) => t.name), tools);
for (const t of listed) {
  for (const hint of ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"]) {
    assert.equal(typeof t.annotations[hint], "boolean", `${t.name} does not state ${hint}`);
  }
}
const call = (name, args) => client.callTool({ name, arguments: args });

const plan = { name: "Checked by the TypeScript client", idempotencyKey: randomUUID(), successCriteria: "1 % ✓ — «ok»" };
const made = await call("create_release", plan);
assert.ok(!made.isError, JSON.stringify(made));
const id = made.structuredContent.id;
assert.equal((await call("create_release", plan)).structuredContent.id, id, "a repeated call made a second release");
const read = await call("get_release", { id });
assert.equal(read.structuredContent.readiness.next[0].ready, true);
assert.deepEqual(JSON.parse(read.content[0].text), read.structuredContent);
const refused = await call("transition_release_status", { id, status: "deployed" });
assert.ok(refused.isError && refused.content[0].text.startsWith("INVALID_TRANSITION: "), JSON.stringify(refused));
const moved = await call("transition_release_status", { id, status: "approved", ifRevision: 1 });
assert.equal(moved.structuredContent.status, "approved");
const entry = await call("append_release_log", { id, text: "Written by the TypeScript client." });
assert.ok(entry.structuredContent.author);
assert.equal((await call("list_releases", { limit: 1 })).structuredContent.releases.length, 1);
await assert.rejects(call("drop_database", {}), /unknown tool/i);
await client.close();
console.log(`TypeScript client, ${way}, ${mode}: ok (${id})`);
