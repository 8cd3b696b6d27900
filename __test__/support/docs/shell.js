const { readFile } = require("node:fs/promises");
const { holdAgainst } = require("./output.js");
const { runProgram } = require("./run-program.js");

const MARK = "\u0001";

/** Where `sandbar serve` listens by itself; in a test, on a free port. */
const USUAL = "127.0.0.1:7410";

/** Runs a block of shell commands in the page's folder; gives back what they printed. */
async function runShell(block, { folder, env }) {
  const code = await atServed(block.code, env);
  return await runProgram("bash", ["-e"], { cwd: folder, env, input: `${block.before}\n${code}` });
}

/** Types what a transcript has behind `$ `, and holds what comes against what stands below it. */
async function replay(block, { folder, env }) {
  const steps = stepsOf(block.code);
  // What a command shows says whether it failed; one that shows nothing has to succeed.
  const typed = ({ command, shown }) => (shown === "" ? command : `set +e\n${command}\nset -e`);
  const commands = steps.map((step) => `${typed(step)}\nprintf '${MARK}'\n`).join("");
  const script = `exec 2>&1; set -e\n${block.before}\nprintf '${MARK}'\n${await atServed(commands, env)}`;
  const printed = await runProgram("bash", ["-c", script], { cwd: folder, env });
  const served = await servedAt(env);
  const [, ...answers] = printed.replaceAll(served, USUAL).split(MARK);
  for (const [index, { shown }] of steps.entries()) if (shown !== "") holdAgainst(shown, answers[index]);
  return printed;
}

async function atServed(code, env) {
  return code.replaceAll(USUAL, await servedAt(env));
}

/** Where the page's `sandbar serve` listens, if there is one. */
function servedAt({ DOCS_SERVED }) {
  return readFile(DOCS_SERVED, "utf8").catch(() => USUAL);
}

function stepsOf(code) {
  const steps = [];
  let here;
  for (const line of code.trimEnd().split("\n")) {
    if (here !== undefined) {
      steps.at(-1).command += `\n${line}`;
      if (line === here) here = undefined;
    } else if (line.startsWith("$ ")) {
      steps.push({ command: line.slice(2), shown: "" });
      here = /<<'?(\w+)'?/.exec(line)?.[1];
    } else if (steps.length === 0) {
      throw new Error("a transcript begins with `$ ` and a command");
    } else {
      steps.at(-1).shown += `${line}\n`;
    }
  }
  return steps;
}

module.exports = { replay, runShell };
