import { useEffect, useRef } from "preact/hooks";
import { remove, toDelete } from "../state/actions.ts";

/** Asks before a sandbox is deleted. The browser keeps the focus inside, and gives it back. */
export function DeleteDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const row = toDelete.value;
  useEffect(() => {
    if (row) dialog.current?.showModal();
    else dialog.current?.close();
  }, [row]);
  function closed() {
    toDelete.value = undefined;
  }
  async function confirmed() {
    closed();
    if (row) await remove(row.sandbox.sandboxID);
    // The button that had the focus may be gone with the sandbox.
    if (document.activeElement === document.body) document.getElementById("detail-title")?.focus();
  }
  const metadata = Object.entries(row?.sandbox.metadata ?? {});
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="delete-title" aria-describedby="delete-text" onClose={closed}>
      <h2 id="delete-title">Delete this sandbox?</h2>
      <p>
        <code>{row?.sandbox.sandboxID}</code>
        {metadata.length > 0 && ` (${metadata.map(([key, value]) => `${key}=${value}`).join(", ")})`}
      </p>
      <p id="delete-text">Its processes end and its files are gone. This can’t be undone.</p>
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Keep it
        </button>
        <button type="button" class="button is-danger" onClick={confirmed}>
          Delete
        </button>
      </div>
    </dialog>
  );
}
