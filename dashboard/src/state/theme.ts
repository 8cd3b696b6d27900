import { effect, signal } from "@preact/signals";

const STORED_AS = "sandbar-theme";
const THEMES = ["system", "light", "dark"] as const;

export type Theme = (typeof THEMES)[number];

/** What was chosen; `system` follows the browser's preference. */
export const theme = signal<Theme>(THEMES.find((name) => name === localStorage.getItem(STORED_AS)) ?? "system");

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(prefersDark.matches);

/** Whether the page is dark now. */
export function isDark(): boolean {
  return theme.value === "system" ? systemIsDark.value : theme.value === "dark";
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  localStorage.setItem(STORED_AS, theme.value);
}

export function startTheme(): void {
  prefersDark.addEventListener("change", (event) => {
    systemIsDark.value = event.matches;
  });
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
}
