// Folders with exactly what is published: made from the sources anew for each packing.
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../tools.mjs";
import { bundleInto } from "./bundle.mjs";
import { platforms } from "./platforms.mjs";
import { version } from "./version.mjs";

// In a clone only.
const LEFT_OUT = ["private", "scripts", "devDependencies", "overrides", "allowScripts"];
// The same for every package.
const SHARED = ["license", "repository", "homepage", "bugs", "engines"];
const LICENSES = ["LICENSE-APACHE", "LICENSE-MIT"];

const main = manifestIn(root);

/** The package `sandbar`: JavaScript and types. */
export async function stageMain(folder) {
  begin(folder);
  for (const name of ["index.js", "index.d.ts", "types", "README.md"]) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  await bundleInto(folder, version());
  writeManifest(folder, { ...main, optionalDependencies: versionsOf(({ isEngine }) => !isEngine) });
}

/** The package `@sandbar/local`. */
export function stageLocal(folder) {
  begin(folder);
  const source = path.join(root, "packages", "local");
  cpSync(source, folder, { recursive: true });
  const manifest = manifestIn(source);
  const optionalDependencies = versionsOf(({ isEngine }) => isEngine);
  const peerDependencies = { ...manifest.peerDependencies, sandbar: version() };
  writeManifest(folder, { ...manifest, peerDependencies, optionalDependencies });
}

/**
 * The package of a platform, with its native files.
 *
 * @param {string} folder - Where to put it.
 * @param {import("./platforms.mjs").Platform} platform
 * @param {string} built - The folder with its native files, by their last names.
 */
export function stagePlatform(folder, { manifest, files, isEngine }, built) {
  begin(folder);
  for (const file of files) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    copyFileSync(path.join(built, path.basename(file)), path.join(folder, file));
    chmodSync(path.join(folder, file), isEngine ? 0o755 : 0o644);
  }
  const parent = isEngine ? "@sandbar/local" : main.name;
  const text = `# ${manifest.name}\n\n${manifest.description}. Install \`${parent}\`, which takes the package for each machine.\n`;
  writeFileSync(path.join(folder, "README.md"), text);
  writeManifest(folder, manifest);
}

function begin(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of LICENSES) copyFileSync(path.join(root, name), path.join(folder, name));
}

function writeManifest(folder, manifest) {
  const shared = Object.fromEntries(SHARED.map((name) => [name, main[name]]));
  const kept = Object.entries({ ...shared, ...manifest }).filter(([name]) => !LEFT_OUT.includes(name));
  const { name, description, ...others } = Object.fromEntries(kept);
  const published = {
    name,
    version: version(),
    description,
    ...others,
    files: [...others.files, ...LICENSES],
    publishConfig: { access: "public" },
  };
  writeFileSync(path.join(folder, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
}

function manifestIn(folder) {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
}

function versionsOf(isWanted) {
  return Object.fromEntries(
    platforms()
      .filter(isWanted)
      .map(({ manifest }) => [manifest.name, version()]),
  );
}
