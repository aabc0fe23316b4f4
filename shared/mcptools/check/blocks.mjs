// Takes the blocks of docs/mcp.md that something has to run, one file each, with people's own
// values put in: node blocks.mjs DOCS FOLDER laptop|sign-in PROGRAM. It prints their names.
//
// A block that nothing runs is an error: a command in the documentation that nobody has tried is
// worth less than none. Those with aws in them make validate runs (.ci/template/cognito.py), and
// the other JSON a test of Go's (docs_test.go).
import fs from "node:fs";

const [docs, folder, where, program] = process.argv.slice(2);
const { RELEASES_URL, RELEASES_TOKEN = "", CLIENT_ID = "", CALLBACK_PORT = "" } = process.env;
const kinds = [
  [/\baws /, "cognito"],
  [/https:\/\/releases\.example\.com/, "sign-in"],
  [/^go build /m, "laptop"],
  [/127\.0\.0\.1:3000/, "laptop"],
];
fs.rmSync(folder, { recursive: true, force: true });
fs.mkdirSync(folder);
let count = 0;
for (const [, language, text] of fs.readFileSync(docs, "utf8").matchAll(/^```(\w*)\n(.*?)^```/gms)) {
  if (!["sh", "json"].includes(language)) throw new Error(`nothing runs a block of the kind "${language}":\n${text}`);
  const kind = language === "json" ? (/"oauth"[^}]*callbackPort/.test(text) ? "sign-in" : "json") : kinds.find(([has]) => has.test(text))?.[1];
  if (!kind) throw new Error(`nothing runs this block:\n${text}`);
  if (kind !== where) continue;
  const own = new URL(RELEASES_URL).origin;
  const mine = text.replaceAll("http://127.0.0.1:3000", own).replaceAll("https://releases.example.com", own).replaceAll("PASTE-YOUR-TOKEN", RELEASES_TOKEN)
    .replaceAll("PASTE-CLIENT-ID", CLIENT_ID).replaceAll("8123", CALLBACK_PORT).replaceAll("/path/to/mcp-stdio", program);
  const name = `${String(++count).padStart(2, "0")}-${text.trim().split(/\s+/).slice(0, 3).join("-").replace(/[^\w-]/g, "")}.${language}`;
  fs.writeFileSync(`${folder}/${name}`, mine);
  console.log(name);
}
