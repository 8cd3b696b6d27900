// `npm run bench`: builds what it needs, measures, and says what was reached. README.md says how to read it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { isInstalled, run, succeeds } from "../scripts/tools.mjs";
import { installSandbar } from "./package-under-test.mjs";
import { parts } from "./parts/all.mjs";
import { needReleaseBuild } from "./release-build.mjs";
import { checklist } from "./report/goals.mjs";
import { isBusy, machine } from "./report/machine.mjs";
import { asText } from "./report/tables.mjs";
import { keep, publish } from "./report/write.mjs";
import { amounts, contestants, packages, smokeContestants, smokeParts } from "./settings.mjs";

const HELP = `npm run bench -- [PART…] [options]

Parts: ${Object.keys(parts).join(" ")}; without, all.

  --quick               shorter, for a first look
  --smoke               only whether the harness works: builds and installs nothing
  --rounds N            how often each case is measured
  --in-flight N,N       for the part load
  --contestants A,B     of ${contestants.join(", ")}
  --no-build            measure what is built
  --write               put the results into docs/performance.{md,svg,json}`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean" },
    smoke: { type: "boolean" },
    rounds: { type: "string" },
    "in-flight": { type: "string" },
    contestants: { type: "string" },
    "no-build": { type: "boolean" },
    write: { type: "boolean" },
    help: { type: "boolean" },
  },
});

if (values.help) console.log(HELP);
else await main();

async function main() {
  const unknown = positionals.find((name) => !(name in parts));
  if (unknown) fail(`there is no part ${unknown}.\n\n${HELP}`);
  // Before the build, which is load as well.
  const on = machine();
  if (!values.smoke) prepare();
  await installSandbar();
  const settings = chosenSettings();
  const names = positionals.length > 0 ? positionals : values.smoke ? smokeParts : Object.keys(parts);
  const results = {};
  console.log(Object.values(on).join(" · "));
  for (const name of names) {
    const { title, run, tables } = parts[name];
    console.log(`\n# ${title}`);
    results[name] = { on, ...(await run(settings)) };
    console.log(`\n${tables(results[name]).map(asText).join("\n\n")}`);
  }
  console.log(`\n# Goals\n\n${checklist(results).join("\n")}`);
  if (values.smoke) return;
  if (isBusy(on)) console.log(`\nThe machine was busy (${on.load}): neither figures nor ratios are worth much.`);
  console.log(`\nwritten: ${keep(results)}`);
  if (values.write) console.log(`written: ${publish(results).join(", ")}`);
}

/** What is measured is what is there now. */
function prepare() {
  if (!values["no-build"]) {
    run(process.execPath, ["scripts/build.mjs"]);
    run("cargo", ["build", "--release", "-p", "sandbar-bench"]);
  }
  needReleaseBuild();
  if (!isInstalled(import.meta.dirname)) succeeds("npm", ["--prefix", "bench", "ci"]);
}

function chosenSettings() {
  const amount = values.smoke ? amounts.smoke : values.quick ? amounts.quick : amounts.whole;
  const wrk = !values.smoke && spawnSync("wrk", ["--version"]).error === undefined;
  if (!wrk && !values.smoke)
    console.log("wrk is not installed, so what is possible here is not measured: `apt install wrk`.");
  return {
    ...amount,
    rounds: values.rounds ? whole("--rounds", values.rounds) : amount.rounds,
    inFlight: values["in-flight"]?.split(",").map((text) => whole("--in-flight", text)) ?? amount.inFlight,
    contestants: chosenContestants(),
    wrk,
  };
}

function chosenContestants() {
  if (values.smoke) return smokeContestants;
  const wanted = values.contestants?.split(",") ?? contestants;
  const unknown = wanted.find((name) => !contestants.includes(name));
  if (unknown) fail(`there is no contestant ${unknown}: choose of ${contestants.join(", ")}`);
  return contestants.filter((name) => name === "sandbar" || wanted.includes(name)).filter(isThere);
}

function isThere(name) {
  const there = !(name in packages) || existsSync(path.join(import.meta.dirname, "node_modules", packages[name]));
  if (!there) console.log(`${name} is not installed, and left out: \`npm --prefix bench ci\`.`);
  return there;
}

function whole(option, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) fail(`${option} takes whole numbers from 1: ${text} is none`);
  return value;
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
