// What the documentation's commands can't do in a test, and what stands in for it: this is the whole list. Each entry complains
// about arguments that would not work, and does what the next command needs.
const { spawn, spawnSync } = require("node:child_process");
const { existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { ROOT } = require("../child.js");

const { repository, scripts } = require("../../../package.json");
const PACKAGES = Object.keys(require("../../../package-lock.json").packages);
const OUR_PACKAGES = ["sandbar", "@sandbar/local"];

const STAND_INS = {
  "apt-get": {
    reason: "tests install nothing on the machine; `npm test` does, from the same list",
    run: async ([command, ...names]) => {
      if (command !== "install") throw new Error("only `apt-get install` is known");
      const { TOOLS } = await import("../../../scripts/system-tools.mjs");
      const known = Object.values(TOOLS).flatMap(({ packages }) => packages["apt-get"]);
      const unknown = names.filter((name) => !known.includes(name));
      if (unknown.length > 0) throw new Error(`the repository's scripts do not install ${unknown.join(", ")}`);
    },
  },
  curl: {
    reason: "`curl -N` reads a stream that does not end: two seconds of it are enough",
    run: (args) => {
      if (!args.includes("-N")) return pass("curl", args);
      const { status } = spawnReal("curl", ["--max-time", "2", ...args]);
      const TIMED_OUT = 28;
      process.exit(status === TIMED_OUT ? 0 : status);
    },
  },
  git: {
    reason: "there is no network; the folder that a clone would make leads to this checkout",
    run: (args) => {
      const [command, url] = args;
      if (command !== "clone") return pass("git", args);
      if (`git+${url}.git` !== repository.url) throw new Error(`${url} is not this repository`);
      symlinkSync(ROOT, "sandbar");
    },
  },
  npm: {
    reason:
      "scripts of this repository are tests and builds themselves; an install is that of `npm run test:consumers`",
    run: (args) => {
      const [command, name] = args;
      if (command === "init") return pass("npm", args);
      if (command === "install" || command === "ci") return args.slice(1).forEach(mustBePackage);
      const script = command === "run" ? name : command;
      if (scripts[script] === undefined) throw new Error(`there is no script \`${script}\``);
      for (const [file] of scripts[script].matchAll(/\S+\.mjs/g)) {
        if (!existsSync(path.join(ROOT, file))) throw new Error(`${file} is missing`);
      }
    },
  },
  cargo: {
    reason: "it takes minutes; `npm test` and `npm run lint` run the same commands",
    run: (args) => {
      const [, command, target] = args.filter((word) => !word.startsWith("+"));
      if (args.includes("fuzz") && command === "run") {
        if (!existsSync(path.join(ROOT, "fuzz", "fuzz_targets", `${target}.rs`)))
          throw new Error(`no target ${target}`);
      }
      const package_ = args[args.indexOf("-p") + 1];
      if (args.includes("-p") && !existsSync(path.join(ROOT, "crates", package_.replace("sandbar-", "")))) {
        throw new Error(`there is no package ${package_}`);
      }
    },
  },
  mmdebstrap: {
    reason: "it downloads a Debian; a tar with this machine's shell takes its place",
    run: (args) => tarOfShell(args.at(-1)),
  },
  sandbar: {
    reason: "`sandbar serve` does not end by itself: it runs until the page is through, on a free port",
    run: async (args) => {
      if (args[0] !== "serve" || args.includes("--help")) return pass(process.env.SANDBAR_BINARY, args);
      const others = args.filter((word, index) => word !== "--listen" && args[index - 1] !== "--listen");
      // The usual folder is that of the test's own engine.
      if (!args.includes("--data-dir")) others.push("--data-dir", path.join(process.env.HOME, "served"));
      const log = path.join(process.env.HOME, "serve.log");
      const child = spawn(process.env.SANDBAR_BINARY, [...others, "--listen", "127.0.0.1:0"], {
        detached: true,
        stdio: ["ignore", "pipe", openSync(log, "w")],
      });
      writeFileSync(process.env.DOCS_PIDS, `${child.pid}\n`, { flag: "a" });
      for await (const text of child.stdout.setEncoding("utf8")) {
        process.stdout.write(text);
        const [, address] = /listening on http:\/\/(\S+)/.exec(text) ?? [];
        if (address === undefined) continue;
        writeFileSync(process.env.DOCS_SERVED, address);
        process.exit();
      }
      throw new Error(`it ended before it listened: ${readFileSync(log, "utf8")}`);
    },
  },
};

function mustBePackage(name) {
  if (name.startsWith("-") || OUR_PACKAGES.includes(name) || PACKAGES.includes(`node_modules/${name}`)) return;
  throw new Error(`${name} is neither ours nor in package-lock.json`);
}

/** Runs the real program. */
function pass(command, args) {
  process.exit(spawnReal(command, args).status ?? 1);
}

function spawnReal(command, args) {
  const PATH = process.env.PATH.split(":").slice(1).join(":");
  return spawnSync(command, args, { stdio: "inherit", env: { ...process.env, PATH } });
}

/** A root file system with a shell and what it is linked to. */
function tarOfShell(file) {
  const { stdout } = spawnSync("ldd", ["/bin/sh"], { encoding: "utf8" });
  const libraries = [...stdout.matchAll(/(\/\S+) \(/g)].map(([, library]) => library);
  for (const name of ["/bin/sh", ...libraries]) {
    mkdirSync(path.join("rootfs", path.dirname(name)), { recursive: true });
    spawnSync("cp", ["-L", name, path.join("rootfs", name)]);
  }
  pass("tar", ["-cf", file, "-C", "rootfs", "."]);
}

if (require.main === module) {
  const [name, ...args] = process.argv.slice(2);
  Promise.resolve()
    .then(() => STAND_INS[name].run(args))
    .catch((error) => {
      console.error(`${name} ${args.join(" ")}: ${error.message}`);
      process.exitCode = 1;
    });
}

module.exports = { STAND_INS };
