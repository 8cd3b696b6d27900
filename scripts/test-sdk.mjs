// The Jest tests that need no engine, for systems that it does not run on: `npm run test:sdk`.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root, run } from "./tools.mjs";

const folder = path.join(root, "__test__");
const files = readdirSync(folder).filter((name) => name.endsWith(".test.js") && !needsEngine(name));
run(process.execPath, [path.join("node_modules", "jest", "bin", "jest.js"), "--runTestsByPath", ...files.map(within)]);

function needsEngine(name) {
  return /support\/engine\.js|packages\/local/.test(readFileSync(path.join(folder, name), "utf8"));
}

function within(name) {
  return path.join("__test__", name);
}
