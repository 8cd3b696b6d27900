// What an install takes on the disk, with all that it depends on.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { root } from "../../scripts/tools.mjs";
import { number } from "../report/cells.mjs";

const folder = path.dirname(import.meta.dirname);
const MB = 1e6;

export const title = "Installed size";

export async function run({ contestants }) {
  const rows = [ours()];
  for (const name of contestants) {
    if (existsSync(path.join(folder, "node_modules", name))) rows.push(installed(name));
  }
  return { rows };
}

/** What `npm pack` would put into the package. */
function ours() {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json"], { cwd: root, encoding: "utf8" });
  const [{ files, unpackedSize }] = JSON.parse(stdout);
  const addon = files.find(({ path: name }) => name.endsWith(".node"));
  if (!addon) throw new Error("there is no addon: run `npm run build`");
  return { contestant: "sandbar", packages: 1, mb: unpackedSize / MB, addonMb: addon.size / MB };
}

/** A package of the lock file and all below it, each once. */
function installed(name) {
  const { packages } = JSON.parse(readFileSync(path.join(folder, "package-lock.json"), "utf8"));
  const found = new Set();
  const visit = (name, from) => {
    const place = placeOf(packages, name, from);
    if (!place || found.has(place)) return;
    found.add(place);
    const { dependencies, optionalDependencies } = packages[place];
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) visit(needed, place);
  };
  visit(name, "");
  const bytes = [...found].reduce((sum, place) => sum + sizeOf(path.join(folder, place)), 0);
  return { contestant: name, packages: found.size, mb: bytes / MB };
}

/** Where Node finds a package: beside or above the one that asks. */
function placeOf(packages, name, from) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules") - 1))) {
    const place = path.posix.join(at, "node_modules", name);
    if (place in packages) return place;
    if (at === "") return undefined;
  }
}

/** Of the package's own files; those that it has brought along are packages of their own. */
function sizeOf(folder) {
  if (!existsSync(folder)) return 0; // An optional one that does not fit this machine.
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? sum : sum + sizeOf(place);
    return sum + statSync(place).size;
  }, 0);
}

export function tables({ rows }) {
  const cells = (row) => ({
    "": row.contestant,
    packages: row.packages,
    "MB on the disk": number(row.mb),
    "of that the addon": number(row.addonMb),
  });
  return [{ caption: "with all that it depends on", rows: rows.map(cells) }];
}
