// The ways from an empty folder to something that runs, as the README has them, with packed packages and nothing replaced.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import blocks from "../../__test__/support/docs/blocks.js";
import output from "../../__test__/support/docs/output.js";
import { capture, root, succeedsIn } from "../tools.mjs";
import { install } from "./project.mjs";

const SECTIONS = ["In 30 seconds", "Test with it"];
const INSTALL = /^npm install (--save-dev )?(.+)\n/m;

/** Types the README's commands into empty folders; what they install comes from tarballs. */
export function readmeWorks(folder, packages) {
  const readme = readFileSync(path.join(root, "README.md"), "utf8");
  return SECTIONS.every((title, index) => {
    const [, section] = new RegExp(`^## ${title}$(.*?)^(?:## |\\*\\*From)`, "ms").exec(readme);
    const project = `${folder}-${index}`;
    mkdirSync(project, { recursive: true });
    return blocks.blocksOf(section).every((block) => uses(block, project, packages));
  });
}

function uses({ language, file, code }, project, packages) {
  if (file !== undefined) writeFileSync(path.join(project, file), code);
  else if (language === "console") return shows(project, code);
  else if (language === "sh") return types(project, code, packages);
  return true;
}

/** Runs commands; an `npm install` among them takes our packages from tarballs, and tools from this repository. */
function types(project, code, packages) {
  const [before, development, names, after] = code.split(INSTALL);
  if (!succeedsIn(project, "sh", ["-ec", before])) return false;
  const manifest = path.join(project, "package.json");
  const wanted = Object.fromEntries(names.split(" ").map((name) => [name, "*"]));
  const kind = development === undefined ? "dependencies" : "devDependencies";
  writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, "utf8")), [kind]: wanted }));
  return install(project, packages) && succeedsIn(project, "sh", ["-ec", after]);
}

/** Runs the one command of a transcript, and holds what it prints against what stands below. */
function shows(project, code) {
  const [, command, shown] = /^\$ (.+)\n([\s\S]*)$/.exec(code);
  const { stdout, stderr, status } = capture("sh", ["-ec", command], { cwd: project });
  process.stdout.write(`${stdout}${stderr}`);
  output.holdAgainst(shown, stdout);
  return status === 0;
}
