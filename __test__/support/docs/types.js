const { writeFile } = require("node:fs/promises");
const path = require("node:path");
const { ROOT } = require("../child.js");
const { runJavaScript } = require("./programs.js");
const { runProgram } = require("./run-program.js");

const OPTIONS = [
  "--ignoreConfig",
  "--noEmit",
  "--strict",
  "--target",
  "es2022",
  "--lib",
  "es2022,esnext.disposable",
  "--module",
  "nodenext",
];

/** Checks the types of a block of TypeScript, and runs it. */
async function runTypeScript(block, context) {
  const file = path.join(context.folder, `types-${block.line}.mts`);
  await writeFile(file, `${block.code}\nexport {};\n`);
  const args = [
    path.join(ROOT, "node_modules/.bin/tsc"),
    ...OPTIONS,
    "--types",
    path.join(ROOT, "node_modules/@types/node"),
    file,
  ];
  await runProgram(process.execPath, args, context);
  return await runJavaScript(block, context);
}

module.exports = { runTypeScript };
