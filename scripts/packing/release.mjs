// Which tarballs make a release, in which order they are published, and what is wrong with them.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { inspect } from "./inspect.mjs";
import { platforms } from "./platforms.mjs";
import { unpacked } from "./tarball.mjs";
import { version } from "./version.mjs";

const known = platforms();
// npm installs a package as soon as it is there: what it depends on has to be there before.
const ORDER = [...known.map(({ manifest }) => manifest.name), "sandbar", "@sandbar/local"];
const ENGINES = { sandbar: false, "@sandbar/local": true };

/**
 * Reads a folder of tarballs.
 *
 * @param {string} folder
 * @returns {{packages: {name: string, tarball: string}[], complaints: string[]}} The packages in the order in which they are
 * published; only without complaints they are a release.
 */
export function releaseIn(folder) {
  const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  const found = tarballs.map((name) => readTarball(path.join(folder, name)));
  const names = found.map(({ name }) => name);
  const complaints = [
    ...ORDER.filter((name) => !names.includes(name)).map((name) => `${name}: is missing`),
    ...names.filter((name) => !ORDER.includes(name)).map((name) => `${name}: is no package of this release`),
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name}: is there twice`),
    ...found.flatMap((one) => one.complaints),
  ];
  const packages = found.sort((one, other) => ORDER.indexOf(one.name) - ORDER.indexOf(other.name));
  return { packages: packages.map(({ name, tarball }) => ({ name, tarball })), complaints };
}

function readTarball(tarball) {
  return unpacked(tarball, (folder) => {
    const manifest = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    const files = known.find((one) => one.manifest.name === manifest.name)?.files ?? [];
    const { errors, tooNew } = inspect(folder, files);
    const wrong = wrongIn(manifest).map((what) => `${manifest.name}: ${what}`);
    return { name: manifest.name, tarball, complaints: [...wrong, ...errors, ...tooNew] };
  });
}

function wrongIn(manifest) {
  const optional = Object.entries(manifest.optionalDependencies ?? {});
  const wanted = dependenciesOf(manifest.name);
  return [
    manifest.version !== version() && `has version ${manifest.version}, the release ${version()}`,
    manifest.private && "is private",
    manifest.scripts && "has scripts, which an install might run",
    ...wanted
      .filter((name) => manifest.optionalDependencies?.[name] !== version())
      .map((name) => `does not depend on ${name} ${version()}`),
    ...optional.filter(([name]) => !wanted.includes(name)).map(([name]) => `depends on ${name}`),
  ].filter(Boolean);
}

/** The platform packages that a package needs. */
function dependenciesOf(name) {
  return known.filter(({ isEngine }) => isEngine === ENGINES[name]).map(({ manifest }) => manifest.name);
}
