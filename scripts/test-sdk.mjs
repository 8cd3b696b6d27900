// The Jest tests of the package alone, for systems that the engine and our scripts do not run on: `npm run test:sdk`.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root, run } from "./tools.mjs";

const folder = path.join(root, "__test__");
const files = readdirSync(folder).filter((name) => name.endsWith(".test.js") && isOfThePackage(name));
run(process.execPath, [path.join("node_modules", "jest", "bin", "jest.js"), "--runTestsByPath", ...files.map(within)]);

function isOfThePackage(name) {
  return !/support\/engine\.js|packages\/local|"(bench|scripts)\//.test(readFileSync(path.join(folder, name), "utf8"));
}

function within(name) {
  return path.join("__test__", name);
}
