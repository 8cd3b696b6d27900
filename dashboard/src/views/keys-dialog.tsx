import { useRef } from "preact/hooks";

const KEYS: [string[], string][] = [
  [["Ctrl", "K"], "search, from anywhere"],
  [["/"], "search, from the list"],
  [["↑", "↓"], "move in the list; also Home, End, Page Up and Page Down"],
  [["Enter"], "open the sandbox"],
  [["P"], "in the list: pause or resume"],
  [["Delete"], "in the list: delete, after a question"],
  [["Esc"], "close the sandbox, back to the list"],
  [["←", "→"], "between overview, logs and terminal"],
  [["Ctrl", "]"], "leave the terminal"],
];

const dialog: { current: HTMLDialogElement | null } = { current: null };

export function openKeys(): void {
  dialog.current?.showModal();
}

/** The keys that do something. */
export function KeysDialog() {
  const own = useRef<HTMLDialogElement>(null);
  return (
    <dialog
      ref={(element) => {
        own.current = element;
        dialog.current = element;
      }}
      class="dialog"
      aria-labelledby="keys-title"
    >
      <h2 id="keys-title">Keyboard</h2>
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={() => own.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}
