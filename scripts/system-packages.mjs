// Installs the system's packages that a script needs, or says which line to type.
import { TOOLS } from "./system-tools.mjs";
import { outputOf, succeeds } from "./tools.mjs";

const MANAGERS = [
  {
    program: "apt-get",
    // A fresh system has no lists, and old lists name packages that are no longer there.
    update: ["update", "-q"],
    // A system that has just started may be installing updates.
    install: ["install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"],
    env: ["DEBIAN_FRONTEND=noninteractive"],
  },
  { program: "dnf", install: ["install", "-y", "--setopt=install_weak_deps=False"] },
  { program: "apk", install: ["add", "--no-cache"] },
];

/**
 * Makes sure that these tools are there: on Linux, installs the packages of those that are missing. Ends the script, with what to
 * type, if it may not or can't.
 *
 * @param {...keyof typeof TOOLS} names
 */
export function ensureTools(...names) {
  if (process.platform !== "linux") return;
  const missing = unusable(names);
  if (missing.length === 0) return;
  const manager = MANAGERS.find(({ program }) => outputOf(program, ["--version"]) !== undefined);
  if (!manager) fail(missing, "There is no apt-get, dnf or apk here: install them with this system's package manager.");
  const root = authority();
  const why = isForbidden() ? "SANDBAR_NO_INSTALL is set" : root.refusal;
  if (why) fail(missing, `They are not installed, as ${why}. Type:\n\n  ${line(manager, missing, root)}\n`);

  const packages = packagesOf(missing, manager);
  console.log(`\nInstalling ${inWords(packages)} with ${manager.program} (${root.name}).`);
  const execute = (args) => succeedsAsRoot(root, manager, args);
  if (manager.update) execute(manager.update);
  // Where one can't be had, the others can.
  if (!execute([...manager.install, ...packages])) {
    for (const tool of missing) execute([...manager.install, ...packagesOf([tool], manager)]);
  }
  const left = unusable(names);
  if (left.length > 0) fail(left, `${manager.program} has not brought them.`);
}

function unusable(names) {
  return names
    .map((name) => TOOLS[name])
    .flatMap((tool) => {
      const problem = tool.problem();
      return problem === undefined ? [] : [{ ...tool, problem }];
    });
}

/** How commands are executed as root here, or why they can't be. */
function authority() {
  if (outputOf("id", ["-u"])?.trim() === "0") return { name: "as root", command: [] };
  if (outputOf("sudo", ["-n", "true"]) !== undefined)
    return { name: "by sudo", command: ["sudo", "-n"], typed: "sudo " };
  if (outputOf("sudo", ["--version"]) !== undefined) return { refusal: "sudo asks for a password", typed: "sudo " };
  return { refusal: "that needs root, and there is no sudo here" };
}

function isForbidden() {
  return !["", "0"].includes(process.env.SANDBAR_NO_INSTALL ?? "");
}

function succeedsAsRoot(root, { program, env = [] }, args) {
  const [command, ...rest] = [...root.command, ...(env.length > 0 ? ["env", ...env] : []), program, ...args];
  return succeeds(command, rest);
}

/** The line that installs them. */
function line(manager, tools, { typed = "" }) {
  const { program, update, install } = manager;
  const commands = [update, [...install, ...packagesOf(tools, manager)]].filter(Boolean);
  return commands.map((args) => `${typed}${[program, ...args].join(" ")}`).join(" && ");
}

function packagesOf(tools, { program }) {
  return [...new Set(tools.flatMap(({ packages }) => packages[program]))];
}

function fail(tools, advice) {
  for (const { name, problem, wayOut } of tools) {
    console.error(`${name} is needed (${problem})${wayOut ? `: ${wayOut}` : "."}`);
  }
  console.error(advice);
  process.exit(1);
}

function inWords(names) {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
