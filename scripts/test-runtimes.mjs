// Packs everything and uses it in each runtime: the same file, __test__/runtimes/everywhere.mjs, against the local engine. The
// runtimes come from the npm registry, and stay in target/runtimes. Arguments are names, as `bun`, for some of them only;
// `--tarballs DIR` takes what is packed already.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { install, packagesIn } from "./consumers/project.mjs";
import { obtain, runtimes } from "./consumers/runtimes.mjs";
import { ensureTools } from "./system-packages.mjs";
import { capture, installDependencies, root, run } from "./tools.mjs";

const TIMEOUT_MS = 120_000;

const { values, positionals: names } = parseArgs({ options: { tarballs: { type: "string" } }, allowPositionals: true });
if (process.platform !== "linux") {
  console.error(`The local engine runs on Linux only, and this is ${process.platform}.`);
  process.exit(2);
}
ensureTools("bwrap");
installDependencies();

const folder = mkdtempSync(path.join(tmpdir(), "sandbar-runtimes-"));
try {
  const tarballs = path.resolve(root, values.tarballs ?? path.join(folder, "tarballs"));
  if (!values.tarballs) run("npm", ["run", "pack:all", "--", "--out", tarballs]);
  const project = path.join(folder, "project");
  cpSync(path.join(root, "__test__", "runtimes"), project, { recursive: true });
  if (!install(project, packagesIn(tarballs))) process.exit(1);
  const wanted = runtimes.filter(({ name }) => names.length === 0 || names.includes(name));
  const results = wanted.map((runtime) => tryOut(runtime, project));
  console.log(`\n${["| Runtime | Version | Result |", "| --- | --- | --- |", ...results.map(row)].join("\n")}`);
  const ran = results.filter(({ skipped }) => !skipped);
  process.exitCode = ran.length > 0 && ran.every(({ ok }) => ok) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

/** Gets a runtime, and tries it. */
function tryOut(runtime, project) {
  const { title } = runtime;
  console.log(`\n> ${title}`);
  const { program, version, problem } = obtain(runtime);
  if (problem === undefined) return { title, version, ...test(program, runtime.args, project) };
  console.log(`skipped: ${problem}`);
  return { title, skipped: true, text: `skipped: ${problem}` };
}

/** Runs the tests, and prints what they say. */
function test(program, args, project) {
  const dev = path.join(project, "node_modules", ".bin", "sandbar");
  const options = { cwd: project, timeout: TIMEOUT_MS };
  const { status, error, stdout, stderr } = capture(dev, ["dev", "--", program, ...args, "everywhere.mjs"], options);
  console.log(stdout + stderr);
  const passed = `${stdout.match(/^works: /gm)?.length ?? 0} tests pass`;
  if (error?.code === "ETIMEDOUT") return { ok: false, text: `FAILED: ${passed}, and it does not end` };
  return status === 0
    ? { ok: true, text: passed }
    : { ok: false, text: `FAILED: ${passed}, and it ends with ${status}` };
}

function row({ title, version = "", text }) {
  return `| ${title} | ${version} | ${text} |`;
}
