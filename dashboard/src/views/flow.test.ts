import { expect, test } from "vitest";
import { Flow } from "./flow.ts";

const PIECE = new Uint8Array(64 * 1024);

test("a writer that is faster than what draws waits until that has caught up", async () => {
  const drawn: (() => void)[] = [];
  const flow = new Flow((_, done) => drawn.push(done));
  let written = 0;
  const writer = (async () => {
    for (; written < 100; written++) await flow.write(PIECE);
  })();
  await expect.poll(() => drawn.length).toBe(5);
  for (let steps = 0; steps < 3; steps++) await Promise.resolve();
  expect(written).toBe(4);
  while (written < 100) {
    drawn.shift()?.();
    await Promise.resolve();
    expect(drawn.length).toBeLessThanOrEqual(5);
  }
  await writer;
});

test("the end of what draws lets a writer go", async () => {
  const flow = new Flow(() => {});
  const writing = flow.write(new Uint8Array(1024 * 1024));
  flow.end();
  await writing;
});
