import { signal } from "@preact/signals";

const STORED_AS = "sandbar-api-key";

/** The API key of this tab; undefined until someone signs in. */
export const apiKey = signal<string | undefined>(undefined);

/** Why the sign-in form is there again. */
export const signInProblem = signal<string | undefined>(undefined);

/** Takes the key out of the address (`#key=…`), or else what this tab knew before. */
export function restoreKey(): void {
  const given = /^#key=(.+)$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    // Before anything else: the key is neither in the address bar nor in the history.
    history.replaceState(null, "", location.pathname);
    takeKey(decoded(given));
    return;
  }
  const known = sessionStorage.getItem(STORED_AS);
  if (known) apiKey.value = known;
}

export function takeKey(key: string): void {
  sessionStorage.setItem(STORED_AS, key);
  signInProblem.value = undefined;
  apiKey.value = key;
}

/** The engine does not know the key. */
export function refuseKey(key: string): void {
  if (apiKey.peek() !== key) return;
  forgetKey();
  signInProblem.value = "The engine refused this key. Use the one that it was started with or printed.";
}

export function forgetKey(): void {
  sessionStorage.removeItem(STORED_AS);
  signInProblem.value = undefined;
  apiKey.value = undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
