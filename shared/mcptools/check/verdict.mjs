// Judges what a scenario of the conformance suite wrote: node verdict.mjs FOLDER.
// The suite counts as failures what it can only test with diagnostic tools of its own,
// which no product has; it says so itself, and those are let pass.
import fs from "node:fs";
import path from "node:path";

const checks = fs.readdirSync(process.argv[2], { recursive: true })
  .filter((file) => path.basename(file) === "checks.json")
  .flatMap((file) => JSON.parse(fs.readFileSync(path.join(process.argv[2], file), "utf8")));
const untestable = (c) => /^Not testable: server does not list the diagnostic tool/.test(c.errorMessage ?? "");
const passed = checks.filter((c) => c.status === "SUCCESS");
const failed = checks.filter((c) => c.status === "FAILURE" && !untestable(c));
for (const c of failed) console.error(`${c.id}: ${c.errorMessage}`);
console.log(`${passed.length} passed, ${failed.length} failed, ${checks.filter(untestable).length} need tools of the suite`);
process.exit(passed.length > 0 && failed.length === 0 ? 0 : 1);
