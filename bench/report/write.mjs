// Where results go: bench/results/latest.json after every run, and docs/performance.* when they are to be published.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../scripts/tools.mjs";
import { parts } from "../parts/all.mjs";
import { chart } from "./chart.mjs";
import { reached } from "./goals.mjs";
import { asMarkdown } from "./tables.mjs";

const latest = path.join(root, "bench/results/latest.json");
const published = (ending) => path.join(root, `docs/performance.${ending}`);

/** Keeps the results of this run. */
export function keep(results) {
  mkdirSync(path.dirname(latest), { recursive: true });
  writeFileSync(latest, asJson(results));
  return path.relative(root, latest);
}

/** Puts the results beside what was published of other parts, and writes the document and the chart anew. */
export function publish(results) {
  const all = { ...readJson(published("json")), ...results };
  writeFileSync(published("json"), asJson(all));
  writeFileSync(published("md"), filled(readFileSync(published("md"), "utf8"), all));
  const written = [published("json"), published("md")];
  if (all.load && all.memory) {
    writeFileSync(published("svg"), chart(all));
    written.push(published("svg"));
  }
  return written.map((file) => path.relative(root, file));
}

/** The text between the marks `<!-- bench: NAME -->` and `<!-- end -->` is that of the results. */
function filled(text, results) {
  return text.replace(/(<!-- bench: (\S+) -->\n).*?(<!-- end -->)/gs, (whole, begin, name, end) => {
    const block = name === "goals" ? goals(results) : results[name] && part(name, results[name]);
    return block ? `${begin}\n${block}\n\n${end}` : whole;
  });
}

function part(name, result) {
  const where = Object.values(result.on).join(" · ");
  return [...parts[name].tables(result).map(asMarkdown), `*${where}*`].join("\n\n");
}

function goals(results) {
  const words = new Map([
    [true, "yes"],
    [false, "**no**"],
    [undefined, "not measured"],
  ]);
  const rows = reached(results).map(({ what, figure, goal, met }) => ({ what, figure, goal, reached: words.get(met) }));
  return asMarkdown({ caption: "Goals", rows });
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
}

/** A line for what one round found; four digits are more than the noise leaves. */
function asJson(results) {
  const short = (_, value) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  const text = JSON.stringify(results, short, 1).replace(/\{[^{}[\]]*\}/g, (flat) => flat.replace(/\n\s*/g, " "));
  return `${text}\n`;
}
