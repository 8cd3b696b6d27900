import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const bun = path.resolve("node_modules/@oven/bun-linux-x64-baseline/bin/bun");
// Where no package could be found by going up.
const out = mkdtempSync(path.join(tmpdir(), "sandbar-bun-"));

function execute(program, ...args) {
  execFileSync(program, args, { stdio: "inherit" });
}

try {
  execute(bun, "build", "app.js", "--target", "bun", "--outdir", out);
  execute(bun, path.join(out, "app.js"));

  // As one program, which has the addon in it.
  const compiled = path.join(out, "compiled", "app");
  execute(bun, "build", "app.js", "--compile", "--outfile", compiled);
  execute(compiled);
} finally {
  rmSync(out, { recursive: true });
}
