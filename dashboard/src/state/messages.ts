import { signal } from "@preact/signals";

const SHOWN_MS = 6000;

/** What an action came to, told once. */
export interface Message {
  text: string;
  failed: boolean;
}

export const message = signal<Message | undefined>(undefined);

/** Tells that something was done; it goes away by itself. */
export function tell(text: string): void {
  const told = { text, failed: false };
  message.value = told;
  setTimeout(() => {
    if (message.peek() === told) message.value = undefined;
  }, SHOWN_MS);
}

/** Tells that something failed; it stays until it is closed. */
export function tellFailure(what: string, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  message.value = { text: `${what}: ${why}`, failed: true };
}

export function closeMessage(): void {
  message.value = undefined;
}
