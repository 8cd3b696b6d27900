// Packs everything and uses it in each runtime: the same file, __test__/runtimes/everywhere.mjs, against the local engine. The
// runtimes come from the npm registry, and stay in target/runtimes. Arguments are names, as `bun`, for some of them only;
// `--tarballs DIR` takes what is packed already.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { install, packagesIn } from "./consumers/project.mjs";
import { obtain, runtimes } from "./consumers/runtimes.mjs";
import { capture, installDependencies, needBubblewrap, root, run } from "./tools.mjs";

const TIMEOUT_MS = 120_000;

const { values, positionals: names } = parseArgs({ options: { tarballs: { type: "string" } }, allowPositionals: true });
if (process.platform !== "linux") {
  console.error(`The local engine runs on Linux only, and this is ${process.platform}.`);
  process.exit(2);
}
needBubblewrap();
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

/** Runs the tests in one runtime, and prints what they say. */
function tryOut(runtime, project) {
  console.log(`\n> ${runtime.title}`);
  const { program, problem } = obtain(runtime);
  if (problem !== undefined) {
    console.log(`skipped: ${problem}`);
    return { title: runtime.title, skipped: true, text: `skipped: ${problem}` };
  }
  const version = /\d+\.\d+\.\d+\S*/.exec(capture(program, ["--version"]).stdout)?.[0];
  const test = ["dev", "--", program, ...runtime.args, "everywhere.mjs"];
  const options = { cwd: project, timeout: TIMEOUT_MS };
  const { status, signal, stdout, stderr } = capture(
    path.join(project, "node_modules", ".bin", "sandbar"),
    test,
    options,
  );
  console.log(stdout + stderr);
  const count = stdout.match(/^works: /gm)?.length ?? 0;
  const why = signal === null ? `ended with code ${status}` : "did not end by itself";
  const ok = status === 0;
  return {
    title: runtime.title,
    version,
    ok,
    text: ok ? `${count} tests pass` : `FAILED: ${why}, ${count} tests pass`,
  };
}

function row({ title, version = "", text }) {
  return `| ${title} | ${version} | ${text} |`;
}
