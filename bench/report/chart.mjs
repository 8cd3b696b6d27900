// The chart of docs/performance.svg: bars of a few figures, this package beside its peers. Readable on light and dark pages.
import { median } from "../harness/rounds.mjs";
import { number } from "./cells.mjs";

const NAMES = { sandbar: "Sandbar", undici: "undici", fetch: "fetch", e2b: "e2b", daytona: "Daytona" };
const WIDTH = 840;
const PANEL = { width: 400, head: 44, bar: 20, gap: 8, label: 62, value: 74 };
const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .head { font-weight: 600; }
    .note { fill: #59636e; font-size: 12px; }
    .bar { fill: #9aa4af; }
    .ours { fill: #0b6bcb; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .note { fill: #9198a1; }
      .bar { fill: #59636e; }
      .ours { fill: #4aa3ff; }
    }`;

/** An SVG image of published results. */
export function chart({ load, memory }) {
  const panels = [
    panel("Creates per second", "64 in flight; more is better", at(load, "64 in flight"), "perSecond", ""),
    panel(
      "Main thread per create",
      "64 in flight; less is better",
      at(load, "64 in flight"),
      "mainThreadMicros",
      " µs",
    ),
    panel("Latency, 99th percentile", "64 in flight; less is better", at(load, "64 in flight"), "p99Ms", " ms"),
    panel(
      "Resident memory",
      `after ${memory.creates.toLocaleString("en")} creates; less is better`,
      memory.rows,
      "rssMiB",
      " MiB",
    ),
  ].filter(({ bars }) => bars.length > 0);
  const height = Math.max(...panels.map(({ bars }) => PANEL.head + bars.length * (PANEL.bar + PANEL.gap))) + 20;
  const drawn = panels.map((panel, index) =>
    draw(panel, (index % 2) * (WIDTH - PANEL.width), Math.floor(index / 2) * height),
  );
  const total = Math.ceil(panels.length / 2) * height;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${total}" width="${WIDTH}" height="${total}" role="img" aria-labelledby="title desc">
  <title id="title">What a create costs: Sandbar beside its peers</title>
  <desc id="desc">${panels.map(described).join(" ")}</desc>
  <style>${STYLE}
  </style>
${drawn.join("\n")}
</svg>
`;
}

function at({ rows }, variant) {
  return rows.filter((row) => row.variant === variant);
}

function panel(head, note, rows, figure, unit) {
  const bars = rows
    .filter(({ contestant }) => contestant in NAMES)
    .map((row) => ({ name: NAMES[row.contestant], value: median(row, figure) }))
    .filter(({ value }) => Number.isFinite(value));
  return { head, note, unit, bars };
}

function draw({ head, note, unit, bars }, left, top) {
  const room = PANEL.width - PANEL.label - PANEL.value;
  const most = Math.max(...bars.map(({ value }) => value));
  const lines = bars.map(({ name, value }, index) => {
    const y = PANEL.head + index * (PANEL.bar + PANEL.gap);
    const width = Math.max(1, (value / most) * room).toFixed(1);
    const middle = y + PANEL.bar / 2 + 4.5;
    return `    <text x="${PANEL.label - 8}" y="${middle}" text-anchor="end">${name}</text>
    <rect class="bar${name === NAMES.sandbar ? " ours" : ""}" x="${PANEL.label}" y="${y}" width="${width}" height="${PANEL.bar}" rx="3"/>
    <text x="${PANEL.label + Number(width) + 6}" y="${middle}">${number(value)}${unit}</text>`;
  });
  return `  <g transform="translate(${left} ${top})">
    <text class="head" x="0" y="14">${head}</text>
    <text class="note" x="0" y="31">${note}</text>
${lines.join("\n")}
  </g>`;
}

/** For those who can't see it. */
function described({ head, note, unit, bars }) {
  const values = bars.map(({ name, value }) => `${name} ${number(value)}${unit}`).join(", ");
  return `${head}, ${note}: ${values}.`;
}
