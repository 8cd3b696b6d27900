// How large the files of an install are, with all that it depends on.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { installedFiles } from "../package-under-test.mjs";
import { number } from "../report/cells.mjs";
import { packages } from "../settings.mjs";

const folder = path.dirname(import.meta.dirname);
const MB = 1e6;

export const title = "Installed size";

export async function run({ contestants }) {
  return { rows: [ours(), ...contestants.filter((name) => name in packages).map(installed)] };
}

/** The main package, and that of this machine's addon. */
function ours() {
  const files = installedFiles();
  const addon = files.filter(({ name }) => name.endsWith(".node"));
  return { contestant: "sandbar", packages: 2, mb: sumOf(files) / MB, addonMb: sumOf(addon) / MB };
}

function sumOf(files) {
  return sum(files.map(({ size }) => size));
}

/** A package of the lock file and all below it, each once. */
function installed(contestant) {
  const lock = JSON.parse(readFileSync(path.join(folder, "package-lock.json"), "utf8"));
  const found = new Set();
  const visit = (name, from) => {
    const place = placeOf(lock.packages, name, from);
    if (!place || found.has(place)) return;
    found.add(place);
    const { dependencies, optionalDependencies } = lock.packages[place];
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) visit(needed, place);
  };
  visit(packages[contestant], "");
  const bytes = sum([...found].map((place) => sizeOf(path.join(folder, place))));
  return { contestant, packages: found.size, mb: bytes / MB };
}

/** Where Node finds a package: beside or above the one that asks. */
function placeOf(places, name, from) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules") - 1))) {
    const place = path.posix.join(at, "node_modules", name);
    if (place in places) return place;
    if (at === "") return undefined;
  }
}

/** Of the package's own files; those that it has brought along are packages of their own. */
function sizeOf(folder) {
  if (!existsSync(folder)) return 0; // An optional one that does not fit this machine.
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => name !== "node_modules");
  const place = (entry) => path.join(folder, entry.name);
  return sum(entries.map((entry) => (entry.isDirectory() ? sizeOf(place(entry)) : statSync(place(entry)).size)));
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

export function tables({ rows }) {
  const cells = (row) => ({
    "": row.contestant,
    packages: row.packages,
    "MB of files": number(row.mb),
    "of that the addon": number(row.addonMb),
  });
  return [{ caption: "with all that it depends on", rows: rows.map(cells) }];
}
