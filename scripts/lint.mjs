// Checks format, lints, types and their words of everything; changes nothing. `npm run format` mends what can be mended.
import { bin, installDependencies, succeeds } from "./tools.mjs";

installDependencies();
const steps = [
  [bin("biome"), ["ci", "."]],
  [bin("tsc"), ["--noEmit"]],
  [bin("tsc"), ["--noEmit", "-p", "dashboard"]],
  // Every public type has its words, and every link in them leads somewhere.
  [bin("typedoc"), ["--emit", "none"]],
  ["cargo", ["fmt", "--all", "--check"]],
  ["cargo", ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]],
];
const failed = steps.filter(([command, args]) => !succeeds(command, args));
console.log(
  failed.length === 0 ? "\nNothing to complain about." : `\n${failed.length} of ${steps.length} checks failed.`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
