// Inspects the native files of packages: `node scripts/inspect-binaries.mjs FOLDER...` with unpacked packages, or tarballs.
// Refuses a file for another system, processor or C library than the package's, and one that needs a too new glibc.
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { GLIBC_FLOOR, inspect } from "./packing/inspect.mjs";
import { platforms } from "./packing/platforms.mjs";
import { unpacked } from "./packing/tarball.mjs";

const names = process.argv.slice(2);
if (names.length === 0) {
  console.error("usage: node scripts/inspect-binaries.mjs FOLDER_OR_TARBALL...");
  process.exit(2);
}
const known = platforms();
const complaints = names.flatMap((name) =>
  statSync(name).isDirectory() ? complaintsAbout(name) : unpacked(name, complaintsAbout),
);
for (const complaint of complaints) console.error(complaint);
if (complaints.length === 0)
  console.log(`${names.length} inspected: right platforms, and glibc ${GLIBC_FLOOR} or older.`);
process.exitCode = complaints.length === 0 ? 0 : 1;

function complaintsAbout(folder) {
  const { name } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const files = known.find(({ manifest }) => manifest.name === name)?.files ?? [];
  const { errors, tooNew } = inspect(folder, files);
  return [...errors, ...tooNew];
}
