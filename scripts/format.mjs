// Formats everything, and mends the lints that can be mended safely.
import { bin, installDependencies, run } from "./tools.mjs";

installDependencies();
run(bin("biome"), ["check", "--write", "."]);
run("cargo", ["fmt", "--all"]);
