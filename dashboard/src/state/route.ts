import { signal } from "@preact/signals";

export const TABS = ["overview", "logs", "terminal"] as const;

export type Tab = (typeof TABS)[number];

/** Where the page is: the list, or with it one sandbox. */
export interface Route {
  id?: string;
  tab: Tab;
}

export const route = signal<Route>(parse(location.hash));

/** Reads `#/sandboxes/{id}/{tab}`. */
export function parse(hash: string): Route {
  const [, id, tab] = /^#\/sandboxes\/([A-Za-z0-9_-]+)(?:\/(\w+))?$/.exec(hash) ?? [];
  const known = TABS.find((name) => name === tab) ?? "overview";
  return id === undefined ? { tab: "overview" } : { id, tab: known };
}

export function linkTo(id: string, tab: Tab = "overview"): string {
  return tab === "overview" ? `#/sandboxes/${id}` : `#/sandboxes/${id}/${tab}`;
}

export function open(id: string, tab: Tab = "overview"): void {
  location.hash = linkTo(id, tab);
}

/** The list alone. */
export function close(): void {
  location.hash = "#/";
}

export function startRouting(): void {
  addEventListener("hashchange", () => {
    route.value = parse(location.hash);
  });
}
