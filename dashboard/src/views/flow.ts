/** What a terminal may have before it that is not drawn yet; xterm.js discards what is written beyond 50 MB. */
const HIGH_BYTES = 256 * 1024;
const LOW_BYTES = 64 * 1024;

/** Writes to something that draws later, and holds up whoever writes faster than it draws. */
export class Flow {
  readonly #draw: (bytes: Uint8Array, drawn: () => void) => void;
  #pending = 0;
  #resume: (() => void) | undefined;

  constructor(draw: (bytes: Uint8Array, drawn: () => void) => void) {
    this.#draw = draw;
  }

  /** Resolves once more may be written. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#pending += bytes.length;
    this.#draw(bytes, () => {
      this.#pending -= bytes.length;
      if (this.#pending <= LOW_BYTES) this.#goOn();
    });
    if (this.#pending <= HIGH_BYTES) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
  }

  /** Nothing is drawn any more. */
  end(): void {
    this.#goOn();
  }

  #goOn(): void {
    this.#resume?.();
    this.#resume = undefined;
  }
}
