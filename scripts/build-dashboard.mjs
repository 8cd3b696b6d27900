// Builds the dashboard into dashboard/dist, from where the engine takes it when it is built.
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bin, installDependencies, root, run } from "./tools.mjs";

const folder = path.join(root, "dashboard");
const built = path.join(folder, "dist", "index.html");

/** Builds it if something of it is newer than what is built: a new build makes the engine, whose build takes long, anew. */
export function buildDashboard() {
  installDependencies();
  if (existsSync(built) && statSync(built).mtimeMs > newestSource()) {
    console.log("\nThe dashboard is up to date.");
    return;
  }
  run(bin("vite"), ["build", "dashboard", "--logLevel", "warn"]);
}

function newestSource() {
  const inside = readdirSync(folder, { recursive: true, withFileTypes: true });
  const sources = inside
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(path.dirname(built) + path.sep));
  const libraries = path.join(root, "package-lock.json");
  return Math.max(...[...sources, libraries].map((file) => statSync(file).mtimeMs));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildDashboard();
