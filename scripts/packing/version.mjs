import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../tools.mjs";

/** The one version of all packages: that of package.json, which Cargo.toml has to agree with. */
export function version() {
  const ours = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).version;
  const cargo = readFileSync(path.join(root, "Cargo.toml"), "utf8");
  const other = /^\[workspace\.package\]$[^[]*?^version = "(.+)"$/m.exec(cargo)?.[1];
  if (other === ours) return other;
  throw new Error(`package.json says ${ours}, Cargo.toml ${other}: make them the same`);
}
