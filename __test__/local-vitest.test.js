const { spawn } = require("node:child_process");
const { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } = require("node:fs/promises");
const { once } = require("node:events");
const os = require("node:os");
const path = require("node:path");
const { ROOT } = require("./support/child.js");

const CONFIG = `
import { sandbarLocal } from "@sandbar/local/vitest";
import { defineConfig } from "vitest/config";

const project = (name, pool, isolate) => ({ plugins: [sandbarLocal()], test: { name, pool, isolate, include: [name + ".test.js"] } });
export default defineConfig({
  test: { maxWorkers: 1, projects: [project("forks", "forks", true), project("threads", "threads", false)] },
});`;

const TEST = `
import { appendFileSync } from "node:fs";
import { Sandbox } from "sandbar";
import { afterAll, expect, test } from "vitest";

test("a file has its sandboxes for itself", async () => {
  expect(await Sandbox.list()).toHaveLength(0);
  await Sandbox.create();
  appendFileSync("projects", process.env.SEACLOUD_PROJECT_ID + "\\n");
});

afterAll(async () => expect(await Sandbox.list()).toHaveLength(1));`;

let folder;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "sandbar-vitest-"));
});

afterEach(() => rm(folder, { recursive: true }));

async function linesOf(name) {
  return (await readFile(path.join(folder, name), "utf8")).trim().split("\n");
}

/** Runs Vitest in a folder with these files, where the packages are installed and each start of an engine is written down. */
async function vitest(files) {
  const modules = path.join(folder, "node_modules");
  await cp(path.join(ROOT, "packages", "local"), path.join(modules, "@sandbar", "local"), { recursive: true });
  await symlink(ROOT, path.join(modules, "sandbar"));
  await symlink(path.join(ROOT, "node_modules", "vitest"), path.join(modules, "vitest"));
  const engine = path.join(folder, "engine.sh");
  await writeFile(engine, `#!/bin/sh\necho started >> "${folder}/engines"\nexec "${process.env.SANDBAR_BIN}" "$@"\n`);
  await chmod(engine, 0o755);
  await writeFile(path.join(folder, "package.json"), '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const { JEST_WORKER_ID, NODE_OPTIONS, ...env } = process.env;
  const program = path.join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const child = spawn(process.execPath, [program, "run"], { cwd: folder, env: { ...env, SANDBAR_BINARY: engine } });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += text));
  const [code] = await once(child, "close");
  return { code, printed };
}

test("the projects of a run in Vitest share one engine, and no two workers share a project of it", async () => {
  await mkdir(path.join(folder, "node_modules", "@sandbar"), { recursive: true });
  const files = { "vitest.config.js": CONFIG, "forks.test.js": TEST, "threads.test.js": TEST };
  expect(await vitest(files)).toEqual({ code: 0, printed: expect.any(String) });
  expect(await linesOf("engines")).toEqual(["started"]);
  expect(new Set(await linesOf("projects")).size).toBe(2);
});
