const { runNode } = require("./support/child.js");

test("this package is measured beside fetch", async () => {
  const run = await runNode(["bench/run.mjs", "--smoke"]);
  expect(run.stderr.replaceAll(/[.\n]/g, "")).toBe("");
  expect(run.code).toBe(0);
  for (const table of ["8 in flight", "HTTP/1.1 in TLS", "after 200 creates", "processes that import and end"]) {
    expect(run.stdout).toMatch(new RegExp(`^${table}\n(?:.*\n){1,3}?  sandbar +[\\d.,]+ `, "m"));
  }
  expect(run.stdout).toMatch(/^ {2}fetch +[\d.,]+ /m);
});

test("an unknown part is refused with those that there are", async () => {
  const run = await runNode(["bench/run.mjs", "laod"]);
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/^there is no part laod\.\n\n.*\n\nParts: load calls latency /);
});

test("a goal is reached, missed, or not measured", async () => {
  const at = (contestant, perSecond) => ({ variant: "64 in flight", contestant, rounds: [{ perSecond }] });
  const results = { load: { rows: [at("sandbar", 300), at("e2b", 10), at("fetch", 30)] } };
  const lines = (await printed("report/goals.mjs", `checklist(${JSON.stringify(results)}).join("\\n")`)).split("\n");
  expect(lines[0]).toBe("✓ calls/s at 64 in flight, of e2b's: 30 × (at least 25 ×)");
  expect(lines[1]).toBe("✗ calls/s at 64 in flight, of fetch's: 10 × (at least 12 ×)");
  expect(lines[2]).toBe("– calls/s at 64 in flight, of undici's: not measured (at least 3 ×)");
});

test("the chart says in words what its bars show", async () => {
  const row = (contestant, rssMiB) => ({ contestant, rounds: [{ rssMiB }, { rssMiB: rssMiB + 10 }, { rssMiB: 1 }] });
  const results = { load: { rows: [] }, memory: { creates: 1_000, rows: [row("sandbar", 50), row("e2b", 210)] } };
  const svg = await printed("report/chart.mjs", `chart(${JSON.stringify(results)})`);
  expect(svg).toContain("Resident memory, after 1,000 creates; less is better: Sandbar 50 MiB, e2b 210 MiB.</desc>");
  expect(svg.match(/<rect /g)).toHaveLength(2);
});

/** What an expression over the exports of a module of the harness prints. */
async function printed(module, expression) {
  const program = `const { chart, checklist } = await import("./bench/${module}"); console.log(${expression});`;
  const run = await runNode(["--input-type=module", "--eval", program]);
  expect(run.stderr).toBe("");
  return run.stdout;
}
