const { CommandError, Sandbox, ValidationError } = require("..");
const { realEngine } = require("./support/engine.js");
const { errorOf } = require("./support/outcome.js");

const engine = realEngine();
let sandbox;

const COMMITTER = ["user.name=Ana", "user.email=ana@example.com", "init.defaultBranch=main"]
  .map((setting) => `-c ${setting}`)
  .join(" ");

beforeAll(async () => {
  sandbox = await Sandbox.create({ waitReady: true, ...engine.clientOptions });
  const { exitCode } = await sandbox.commands.run("command -v git");
  if (exitCode !== 0) throw new Error("git is needed, and sandboxes have this machine's: `apt install git`");
  await sh(
    `git ${COMMITTER} init origin && cd origin && echo one > 'a file' && git add . && git ${COMMITTER} commit -m 1`,
  );
});

function sh(cmd) {
  return sandbox.commands.run(cmd, { check: true });
}

test("a repository is cloned, changed, pulled and checked out", async () => {
  const { git } = sandbox;
  expect(await git.clone("./origin", "copy", { branch: "main" })).toMatchObject({ exitCode: 0 });
  expect(await git.status("copy")).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("On branch main"),
    branch: "main",
    upstream: "origin/main",
    ahead: 0,
    behind: 0,
    files: [],
  });
  await sh(`cd origin && git ${COMMITTER} commit --allow-empty -m 2`);
  await sh("cd copy && echo two > 'a file' && echo > new && git fetch");
  expect(await git.status({ cwd: "copy" })).toMatchObject({
    behind: 1,
    files: [
      { path: "a file", index: ".", worktree: "M" },
      { path: "new", index: "?", worktree: "?" },
    ],
  });
  expect((await git.pull("copy")).exitCode).toBe(0);
  expect((await git.status("copy")).behind).toBe(0);
  expect((await git.checkout("HEAD~1", "copy")).exitCode).toBe(0);
  expect((await git.status("copy")).branch).toBeUndefined();
});

test("a git that fails is a result, or an error if it is to be one", async () => {
  const result = await sandbox.git.clone("/nowhere");
  expect(result.exitCode).toBe(128);
  expect(result.stderr).toContain("/nowhere");
  expect(await errorOf(sandbox.git.clone("/nowhere", { check: true }))).toBeInstanceOf(CommandError);
  expect(await sandbox.git.status("/")).toMatchObject({ exitCode: 128, files: [] });
});

test("no argument becomes an option", async () => {
  expect((await sandbox.git.clone("--upload-pack=touch /root/pwned", "x")).exitCode).toBe(128);
  expect((await sandbox.commands.run("ls /root/pwned")).exitCode).not.toBe(0);
  const error = await errorOf(sandbox.git.checkout("--orphan", "origin"));
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.field).toBe("ref");
});

test("wrong arguments are refused by their names", async () => {
  expect((await errorOf(sandbox.git.clone())).field).toBe("url");
  expect((await errorOf(sandbox.git.clone("x", { depth: 0 }))).field).toBe("depth");
  expect((await errorOf(sandbox.git.pull(7))).field).toBe("path");
});
