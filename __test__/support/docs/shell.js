const { holdAgainst } = require("./output.js");
const { runProgram } = require("./run-program.js");

const MARK = "\u0001";

/** Runs a block of shell commands in the page's folder; gives back what they printed. */
function runShell(block, { folder, env }) {
  return runProgram("bash", ["-e"], { cwd: folder, env, input: `${block.before}\n${block.code}` });
}

/** Types what a transcript has behind `$ `, and holds what comes against what stands below it. */
async function replay(block, { folder, env }) {
  const steps = stepsOf(block.code);
  const script = steps.map(({ command }) => `${command}\nprintf '${MARK}'\n`).join("");
  const printed = await runProgram("bash", ["-c", `exec 2>&1; set -e\n${block.before}\n${script}`], {
    cwd: folder,
    env,
  });
  const answers = printed.split(MARK);
  for (const [index, { shown }] of steps.entries()) if (shown !== "") holdAgainst(shown, answers[index]);
  return printed;
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
