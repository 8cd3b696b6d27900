// Measures the list in Chromium: how soon it is there, and whether frames are dropped while it is scrolled and sandboxes change.
// `node dashboard/bench/list.mjs`, after `npx vite build dashboard`; the engine is a fake, see beside.
import { chromium } from "@playwright/test";
import { startFakeEngine } from "./fake-engine.mjs";

const COUNTS = [100, 1000, 10_000];
const RATES = [0, 100, 1000];
const WATCHED_MS = 4000;
const FRAME_MS = 1000 / 60;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  console.log(`Chromium ${browser.version()}, 1,280 × 800, headless, drawn by the processor\n`);
  console.log(
    "| Sandboxes | Changes a second | First paint, ms | First rows, ms | All rows, ms | Frames | Dropped | Longest frame, ms |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const count of COUNTS) for (const rate of RATES) await measure(count, rate);
} finally {
  await browser.close();
}

async function measure(count, rate) {
  const engine = await startFakeEngine(count);
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  try {
    await page.addInitScript(watchRows, count);
    await page.goto(`${engine.url}/#key=bench`);
    await page.waitForFunction(() => window.allRowsAt !== undefined);
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
    const { firstRowsAt, allRowsAt } = await page.evaluate(() => ({ firstRowsAt, allRowsAt }));
    engine.setRate(rate);
    const frames = await page.evaluate(scrollAndCount, { ms: WATCHED_MS, frame: FRAME_MS });
    const cells = [count, rate, paint, firstRowsAt, allRowsAt, frames.all, frames.dropped, frames.longest];
    console.log(`| ${cells.map((cell) => Math.round(cell).toLocaleString("en")).join(" | ")} |`);
  } finally {
    await page.close();
    engine.close();
  }
}

/** In the page: notes when the first rows are there, and when the grid knows of all. */
function watchRows(count) {
  new MutationObserver(() => {
    const grid = document.getElementById("sandboxes");
    if (!grid) return;
    window.firstRowsAt ??= performance.now();
    if (grid.ariaRowCount === String(count + 1)) window.allRowsAt ??= performance.now();
  }).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-rowcount"] });
}

/** In the page: scrolls a bit each frame, and counts the frames that came late. */
function scrollAndCount({ ms, frame }) {
  const grid = document.getElementById("sandboxes");
  return new Promise((resolve) => {
    const begin = performance.now();
    const result = { all: 0, dropped: 0, longest: 0 };
    let before = begin;
    requestAnimationFrame(function step(at) {
      const took = at - before;
      before = at;
      if (result.all++ > 0) {
        result.dropped += Math.max(0, Math.round(took / frame) - 1);
        result.longest = Math.max(result.longest, took);
      }
      grid.scrollTop += 17;
      if (at - begin < ms) requestAnimationFrame(step);
      else resolve(result);
    });
  });
}
