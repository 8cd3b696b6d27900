// Publishes a release: `node scripts/publish.mjs DIR` with the tarballs of all packages in DIR. They are checked first, all of them;
// then the platforms' go before those that depend on them. What the registry has already is left out, so that a release that
// broke off can be repeated. With `--dry-run` it checks, says what it would do, and asks no registry.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { releaseIn } from "./packing/release.mjs";
import { version } from "./packing/version.mjs";
import { outputOf, run } from "./tools.mjs";

const { values, positionals } = parseArgs({
  options: { "dry-run": { type: "boolean", default: false } },
  allowPositionals: true,
});
if (positionals.length !== 1) {
  console.error("usage: node scripts/publish.mjs [--dry-run] DIR");
  process.exit(2);
}
const { packages, complaints } = releaseIn(positionals[0]);
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exit(1);

// `npm install sandbar` must not bring a version like 1.0.0-beta.1.
const tag = version().includes("-") ? "next" : "latest";
for (const { name, tarball } of packages) {
  const publish = ["publish", tarball, "--provenance", "--access", "public", "--tag", tag];
  if (values["dry-run"]) console.log(`would run: npm ${publish.join(" ")}`);
  else if (isPublished(name, tarball)) console.log(`${name} ${version()} is published already.`);
  else run("npm", publish);
}

/** Whether the registry has exactly this tarball; another one of the same version ends the release. */
function isPublished(name, tarball) {
  const there = outputOf("npm", ["view", `${name}@${version()}`, "dist.integrity"])?.trim();
  if (!there) return false;
  if (there === `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`) return true;
  console.error(`${name} ${version()} is published with another content: raise the version.`);
  process.exit(1);
}
