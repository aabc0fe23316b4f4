// A session over stdio that outlives its token, with the TypeScript client: node renewal.mjs PROGRAM.
import assert from "node:assert/strict";
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const { RELEASES_URL, PATH } = process.env;
const asked = "renewal-typescript.asked";
fs.rmSync(asked, { force: true });
const client = new Client({ name: "mcp-check", version: "1.0.0" });
client.onerror = (error) => assert.fail(error);
client.onclose = () => assert.fail("the session ended");
await client.connect(new StdioClientTransport({ command: process.argv[2], env: {
  PATH, RELEASES_URL, RELEASES_TOKEN_COMMAND: `echo x >>${asked}; curl -sf '${new URL("/_local/token?role=admin&life=1s", RELEASES_URL)}'`,
} }));
const times = () => fs.readFileSync(asked, "utf8").trim().split("\n").length;
const call = async (name, args) => {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, JSON.stringify(result));
};
await call("list_releases", { limit: 1 });
assert.equal(times(), 1);
await sleep(66_000); // a second, the leeway for clocks, and the minute that the authorizer's answer is kept
await call("create_release", { name: "Made with a renewed token" });
assert.equal(times(), 2, "the token was not refused meanwhile, and this shows nothing");
client.onclose = undefined;
await client.close();
console.log("two tokens, one session, no error");
