// The tools that the other scripts run, and what to say where one is missing.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const target = path.resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

/** Prints and runs a command in the package's folder; gives back whether it succeeded. */
export function succeeds(command, args, env) {
  return succeedsIn(root, command, args, env);
}

/** The same in another folder. */
export function succeedsIn(cwd, command, args, env = {}) {
  console.log(`\n> ${[command, ...args].join(" ")}`);
  const { status, error } = spawnSync(command, args, { cwd, stdio: "inherit", env: { ...process.env, ...env } });
  if (error) console.error(`${command} could not be started: ${error.message}`);
  return status === 0;
}

/** Runs a command and ends the script if it fails. */
export function run(command, args, env) {
  if (!succeeds(command, args, env)) process.exit(1);
}

/** Runs a command, and gives back how it ended and what it printed. */
export function capture(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, encoding: "utf8", ...options });
}

/** What a command prints; undefined if it is missing or fails. */
export function outputOf(command, args) {
  const { status, stdout } = capture(command, args);
  return status === 0 ? stdout : undefined;
}

/** Ends the script with a way out if a tool is missing. */
export function need(command, args, wayOut) {
  if (outputOf(command, args) !== undefined) return;
  console.error(`${command} is needed and was not found. ${wayOut}`);
  process.exit(1);
}

/** Installs the development dependencies, unless they are those of the lock file. */
export function installDependencies() {
  if (!isInstalled(root)) run("npm", ["ci"]);
}

/** Whether a folder has the packages of its lock file. */
export function isInstalled(folder) {
  const installed = path.join(folder, "node_modules", ".package-lock.json");
  const lock = path.join(folder, "package-lock.json");
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
}

/** A development dependency's command. */
export function bin(name) {
  return path.join(root, "node_modules", ".bin", name);
}
