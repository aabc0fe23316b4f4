// The MCP client of the AI SDK against the endpoint: node aisdk.mjs http|stdio PROGRAM.
// The address and the token come from RELEASES_URL and RELEASES_TOKEN (an Admin's),
// PROGRAM is the built mcp-stdio.
import assert from "node:assert/strict";
import { createMCPClient } from "@ai-sdk/mcp";
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";

const [way, program] = process.argv.slice(2);
const { RELEASES_URL, RELEASES_TOKEN } = process.env;
const transport = way === "http"
  ? { type: "http", url: RELEASES_URL, headers: { Authorization: `Bearer ${RELEASES_TOKEN}` } }
  : new StdioMCPTransport({ command: program, env: { RELEASES_URL, RELEASES_TOKEN } });
const client = await createMCPClient({ transport });
const tools = await client.tools();
assert.deepEqual(Object.keys(tools), ["list_releases", "get_release", "create_release", "append_release_log", "transition_release_status"]);
// As a model's calls are carried out.
const call = (name, args) => tools[name].execute(args, { toolCallId: "1", messages: [] });
assert.ok(Array.isArray((await call("list_releases", { limit: 1 })).structuredContent.releases));
const refused = await call("get_release", { id: "REL-1999-Q1-001" });
assert.ok(refused.isError && refused.content[0].text.startsWith("NOT_FOUND: "), JSON.stringify(refused));
await client.close();
console.log(`AI SDK, ${way}, ${client.initializeResult.protocolVersion}: ok`);
