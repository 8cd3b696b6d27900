const { writeFile } = require("node:fs/promises");
const { pathToFileURL } = require("node:url");
const path = require("node:path");
const { transform } = require("esbuild");
const { runProgram } = require("./run-program.js");

const BEFORE = pathToFileURL(path.join(__dirname, "before.mjs"));

/** Runs a block of JavaScript or TypeScript in the page's folder; gives back what it printed. */
async function runJavaScript(block, { folder, env, name }) {
  const isCommonJs = /\brequire\(/.test(block.code) && !/^import /m.test(block.code);
  const file = path.join(folder, `block-${block.line}.${isCommonJs ? "cjs" : "mjs"}`);
  await writeFile(file, await compiled(block, name));
  const args = ["--enable-source-maps", "--import", BEFORE.href, file];
  return runProgram(process.execPath, args, { cwd: folder, env: { ...env, DOCS_BEFORE: block.before } });
}

/** The code for the oldest Node.js that runs the tests: `await using` is younger. Lines are those of the page. */
async function compiled(block, sourcefile) {
  const padded = "\n".repeat(block.line) + block.code;
  const loader = block.language === "ts" ? "ts" : "js";
  const { code } = await transform(padded, { loader, target: "node20", sourcemap: "inline", sourcefile });
  return code;
}

module.exports = { runJavaScript };
