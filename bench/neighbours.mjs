// How much one bad sandbox slows down the others: quiet and noisy rounds in turn, against an engine of its own.
//
// SANDBAR_BIN names another binary, ROUNDS, RUNS and CREATES the amount of work, ATTACKS (comma-separated) what to try.
import { mkdirSync, writeFileSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { quantile, serve, timed } from "./server.mjs";

const SETTLE_MS = 1000;
const GOAL = 2;
const rounds = number("ROUNDS", 4);
const runs = number("RUNS", 200);
const creates = number("CREATES", 20);

// Each goes on until its sandbox is deleted.
const attacks = {
  "fork bomb": "echo 'while :; do sh bomb & done' > bomb; (while :; do sh bomb; done) > /dev/null 2>&1 &",
  "memory hog": "(while :; do tail /dev/zero; done) > /dev/null 2>&1 &",
  // As much as fits: one that goes over its limit is paused.
  "disk filler":
    "(while :; do for i in $(seq 14); do head -c 64M /dev/zero > full-$i; done; rm -f full-*; done) > /dev/null 2>&1 &",
  "log flood": "yes & (tr '\\0' x < /dev/zero) >&2 &",
  "CPU burner": "for i in 1 2 3 4; do (while :; do :; done) > /dev/null 2>&1 & done",
};

const agent = new http.Agent({ keepAlive: true });
const engine = await serve();
try {
  await bench();
} finally {
  agent.destroy();
  await engine.stop();
}

async function bench() {
  writeTemplates();
  quicken();
  const victim = await create("base");
  const wanted = process.env.ATTACKS?.split(",") ?? Object.keys(attacks);
  const results = [];
  for (const name of wanted) {
    const quiet = { run: [], create: [] };
    const noisy = { run: [], create: [] };
    await measure(victim, { run: [], create: [] });
    for (let round = 0; round < rounds; round++) {
      await sleep(SETTLE_MS);
      await measure(victim, quiet);
      const attacker = await create(template(name));
      await sleep(SETTLE_MS);
      await measure(victim, noisy);
      await remove(attacker.sandboxID);
    }
    results.push({ attack: name, run: compare(quiet.run, noisy.run), create: compare(quiet.create, noisy.create) });
    console.error(`${name}: done`);
  }
  report(results);
}

// What this client itself waits for a processor is not the engine's doing. Only root may.
function quicken() {
  try {
    os.setPriority(-20);
  } catch {
    console.error("not root: this client waits for processors, too, and the ratios are higher for it");
  }
}

async function measure(victim, into) {
  for (let i = 0; i < runs; i++) {
    into.run.push(await timed(() => run(victim, "true")));
  }
  for (let i = 0; i < creates; i++) {
    let made;
    into.create.push(
      await timed(async () => {
        made = await create("base");
      }),
    );
    await remove(made.sandboxID);
  }
}

function compare(quiet, noisy) {
  const ratio = (part) => quantile(noisy, part) / quantile(quiet, part);
  return { quiet: summary(quiet), noisy: summary(noisy), ratio: { p50: ratio(0.5), p99: ratio(0.99) } };
}

function summary(times) {
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), count: times.length };
}

function report(results) {
  const head = ["attack", "of", "quiet p50", "p99", "noisy p50", "p99", "ratio p50", "p99", "within 2×"];
  const rows = results.flatMap(({ attack, ...of }) =>
    Object.entries(of).map(([what, { quiet, noisy, ratio }]) => [
      attack,
      what,
      ...[quiet.p50, quiet.p99, noisy.p50, noisy.p99].map((ms) => `${ms.toFixed(2)} ms`),
      ...[ratio.p50, ratio.p99].map((value) => value.toFixed(2)),
      ratio.p99 <= GOAL ? "yes" : "NO",
    ]),
  );
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  for (const row of [head, ...rows]) console.log(row.map((cell, column) => cell.padEnd(widths[column])).join("  "));
  console.log(JSON.stringify({ rounds, runs, creates, cpus: os.cpus().length, results }));
}

function template(attack) {
  return `tpl-${attack.toLowerCase().replace(" ", "-")}`;
}

function writeTemplates() {
  const templates = path.join(engine.dataDir, "templates");
  mkdirSync(templates, { recursive: true });
  for (const [name, startCommand] of Object.entries(attacks)) {
    // A string of JSON is one of TOML.
    writeFileSync(path.join(templates, `${template(name)}.toml`), `start_command = ${JSON.stringify(startCommand)}\n`);
  }
}

function create(templateID) {
  const body = { templateID, waitReady: true, timeout: 3600 };
  return request("POST", `${engine.options.baseUrl}/api/v1/sandboxes`, { "x-api-key": engine.options.apiKey }, body);
}

function remove(id) {
  return request("DELETE", `${engine.options.baseUrl}/api/v1/sandboxes/${id}`, { "x-api-key": engine.options.apiKey });
}

function run({ envdUrl, envdAccessToken }, cmd) {
  return request("POST", `${envdUrl}/run`, { "x-access-token": envdAccessToken }, { cmd });
}

function request(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = http.request(url, { method, headers, agent }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode >= 300) reject(new Error(`${method} ${url}: ${answer.statusCode} ${text}`));
        else resolve(text ? JSON.parse(text) : undefined);
      });
    });
    sent.on("error", reject);
    sent.end(body && JSON.stringify(body));
  });
}

function number(name, usual) {
  const value = Number(process.env[name] ?? usual);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a positive whole number`);
  return value;
}
