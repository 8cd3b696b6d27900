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

/** Of what Vite reads: tests and measurements are beside it. */
function newestSource() {
  const source = path.join(folder, "src");
  const files = readdirSync(source, { recursive: true }).map((name) => path.join(source, name));
  const others = ["dashboard/index.html", "dashboard/vite.config.ts", "package-lock.json"];
  return Math.max(...[...files, ...others.map((name) => path.join(root, name))].map((file) => statSync(file).mtimeMs));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildDashboard();
