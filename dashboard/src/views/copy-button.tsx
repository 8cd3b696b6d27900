import { useSignal } from "@preact/signals";
import { Icon } from "./icons.tsx";

/** Copies a text, and says so. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const copied = useSignal(false);
  async function copy() {
    // Without TLS the clipboard belongs to localhost alone.
    if (!navigator.clipboard) return;
    await navigator.clipboard.writeText(text);
    copied.value = true;
    setTimeout(() => {
      copied.value = false;
    }, 1500);
  }
  const label = copied.value ? "Copied" : `Copy ${what}`;
  return (
    <button type="button" class="button is-quiet is-icon" aria-label={label} title={label} onClick={copy}>
      <Icon name={copied.value ? "done" : "copy"} />
    </button>
  );
}
