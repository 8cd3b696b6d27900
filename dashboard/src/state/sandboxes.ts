import { computed, signal } from "@preact/signals";
import { ApiError, request } from "../api/client.ts";
import { EventParser } from "../api/event-stream.ts";
import { listPage, PAGE_SIZE } from "../api/sandboxes.ts";
import type { Sandbox } from "../api/types.ts";
import { onceHiddenFor, untilShown, wait } from "../wait.ts";
import { type Row, SandboxTable } from "./sandbox-table.ts";
import { type Selection, select } from "./selection.ts";

const PAGES_AT_ONCE = 4;
/** Where something is deleted all the time, no reading of the list is whole. */
const LIST_TRIES = 3;
const RETRY_MS = [250, 500, 1000, 2000, 4000];
/** The engine sends something every 15 s. */
const SILENCE_MS = 40_000;
/** A page that is hidden for so long gives its stream up: a browser has six connections to a host, for all its tabs. */
const HIDDEN_MS = 30_000;

/** How the connection is: `lost` means that the page tries again by itself. */
export type Connection = "connecting" | "live" | "lost";

export const connection = signal<Connection>("connecting");
/** Whether the list has been read to its end once. */
export const listed = signal(false);
export const selection = signal<Selection>({ search: "", state: undefined, sort: "created", descending: true });

const table = new SandboxTable();
const version = signal(0);

/** What the list shows. */
export const selected = computed(() => {
  version.value;
  return select(table.rows.values(), selection.value);
});

/** One sandbox as it is known now. */
export function rowOfSandbox(id: string): Row | undefined {
  version.value;
  return table.rows.get(id);
}

let drawing = false;

/** Changes are shown together, once a frame. */
function changed(): void {
  if (drawing) return;
  drawing = true;
  const draw = () => {
    drawing = false;
    version.value++;
  };
  // A hidden page has no frames.
  if (document.hidden) setTimeout(draw, 1000);
  else requestAnimationFrame(draw);
}

/** Keeps the table as the engine has it, until the signal: events first, then the list, and all anew if the stream breaks. */
export async function keepUpToDate(signal: AbortSignal): Promise<void> {
  connection.value = "connecting";
  for (let failures = 0; !signal.aborted; ) {
    const began = performance.now();
    try {
      await followEvents(signal, () => {
        failures = 0;
      });
    } catch (error) {
      if (signal.aborted || (error instanceof ApiError && error.status === 401)) break;
    }
    if (document.hidden) {
      await untilShown(signal);
      failures = 0;
      continue;
    }
    connection.value = "lost";
    const pause = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)] ?? 0;
    await wait(Math.max(0, pause - (performance.now() - began)), signal);
  }
  table.clear();
  listed.value = false;
  changed();
}

async function followEvents(outer: AbortSignal, onLive: () => void): Promise<void> {
  const silence = new AbortController();
  const signal = AbortSignal.any([outer, silence.signal]);
  const stopResting = onceHiddenFor(HIDDEN_MS, () => silence.abort());
  const parser = new EventParser();
  let listing: Promise<void> | undefined;
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  try {
    const response = await request("/events", { signal, stream: true });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) return;
      for (const { event, data } of parser.push(value)) {
        if (event === "sandbox") table.apply(JSON.parse(data) as Sandbox);
        if (event === "hello" || event === "reset") {
          listing = (listing ?? Promise.resolve()).then(() => readList(signal)).then(onLive);
          // A list that can't be read is as bad as no events.
          listing.catch(() => silence.abort());
        }
      }
      changed();
    }
  } finally {
    clearTimeout(watchdog);
    stopResting();
    silence.abort();
  }
}

async function readList(signal: AbortSignal): Promise<void> {
  for (let isWhole = false, tries = 0; !isWhole && tries < LIST_TRIES; tries++) {
    table.beginList();
    await readPages(signal);
    isWhole = table.endList();
  }
  listed.value = true;
  changed();
}

/** Reads all pages, a few at a time; a page is shown when it is there. */
async function readPages(signal: AbortSignal): Promise<void> {
  let more = true;
  for (let offset = 0; more; ) {
    // The first alone: mostly there is no second.
    const count = offset === 0 ? 1 : PAGES_AT_ONCE;
    const offsets = Array.from({ length: count }, (_, index) => offset + index * PAGE_SIZE);
    const pages = await Promise.all(offsets.map((at) => listPage(at, undefined, signal)));
    for (const { page } of pages) table.addPage(page);
    more = pages.every((page) => page.more);
    offset += count * PAGE_SIZE;
    connection.value = "live";
    changed();
  }
}

/** Reads the deleted ones of the last 24 hours, which the list leaves out. */
export async function readDeleted(): Promise<void> {
  let more = true;
  for (let offset = 0; more; offset += PAGE_SIZE) {
    const { page, more: next } = await listPage(offset, "deleted");
    table.addPage(page);
    more = next;
    changed();
  }
}
