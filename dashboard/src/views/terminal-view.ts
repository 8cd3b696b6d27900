import { FitAddon } from "@xterm/addon-fit";
import { type ITheme, Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { Pty } from "../api/pty.ts";
import { installStrictStyles } from "./strict-styles.ts";

const LIGHT: ITheme = {
  background: "#fdfdfb",
  foreground: "#24272b",
  cursor: "#0a6b74",
  cursorAccent: "#fdfdfb",
  selectionBackground: "#cfe6e8",
  black: "#24272b",
  red: "#b3261e",
  green: "#23713f",
  yellow: "#7d5700",
  blue: "#1d5fa8",
  magenta: "#8a3a8f",
  cyan: "#0a6b74",
  white: "#5d6066",
  brightBlack: "#6b6f76",
  brightRed: "#b3261e",
  brightGreen: "#23713f",
  brightYellow: "#7d5700",
  brightBlue: "#1d5fa8",
  brightMagenta: "#8a3a8f",
  brightCyan: "#0a6b74",
  brightWhite: "#24272b",
};
const DARK: ITheme = {
  background: "#0d1012",
  foreground: "#dfe3e6",
  cursor: "#5cc5cf",
  cursorAccent: "#0d1012",
  selectionBackground: "#27494d",
  black: "#2a3035",
  red: "#ff8a80",
  green: "#7fd39a",
  yellow: "#e8c06b",
  blue: "#83b8f2",
  magenta: "#d5a0dc",
  cyan: "#5cc5cf",
  white: "#dfe3e6",
  brightBlack: "#8b949c",
  brightRed: "#ffa49c",
  brightGreen: "#9be3b2",
  brightYellow: "#f2d28c",
  brightBlue: "#a5cdf7",
  brightMagenta: "#e4bdea",
  brightCyan: "#86dbe3",
  brightWhite: "#ffffff",
};

/** A terminal on the page and the shell behind it. */
export class TerminalView {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #stop = new AbortController();
  readonly #observer: ResizeObserver;
  #pty: Pty | undefined;
  #typedEarly = "";

  constructor(place: HTMLElement, id: string, dark: boolean, leave: () => void, onEnd: (how: string) => void) {
    installStrictStyles();
    this.#terminal = new Terminal({
      theme: dark ? DARK : LIGHT,
      fontFamily: getComputedStyle(place).fontFamily,
      fontSize: 13,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      screenReaderMode: true,
      minimumContrastRatio: 4.5,
      scrollback: 5000,
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.open(place);
    this.#terminal.attachCustomKeyEventHandler((event) => {
      if (!(event.ctrlKey && event.key === "]")) return true;
      event.preventDefault();
      if (event.type === "keydown") leave();
      return false;
    });
    this.#observer = new ResizeObserver(() => this.#fitToPlace(place));
    this.#observer.observe(place);
    this.show();
    addEventListener("pagehide", this.#endShell);
    // What is typed before the shell is there is for it, too.
    this.#terminal.onData((text) => {
      if (this.#pty) this.#pty.write(text);
      else this.#typedEarly += text;
    });
    void this.#connect(id, onEnd);
  }

  show(): void {
    this.#fit.fit();
    this.#terminal.focus();
  }

  setDark(dark: boolean): void {
    this.#terminal.options.theme = dark ? DARK : LIGHT;
  }

  close(): void {
    removeEventListener("pagehide", this.#endShell);
    this.#endShell();
    this.#stop.abort();
    this.#observer.disconnect();
    this.#terminal.dispose();
  }

  async #connect(id: string, onEnd: (how: string) => void): Promise<void> {
    const terminal = this.#terminal;
    const size = () => ({ cols: terminal.cols, rows: terminal.rows });
    try {
      this.#pty = await Pty.open(
        id,
        size(),
        this.#stop.signal,
        (bytes) => terminal.write(bytes),
        (how) => {
          this.#pty = undefined;
          onEnd(how);
        },
      );
    } catch (error) {
      if (!this.#stop.signal.aborted) onEnd(`No terminal: ${error instanceof Error ? error.message : error}.`);
      return;
    }
    this.#pty.write(this.#typedEarly);
    terminal.onResize((to) => this.#pty?.resize({ cols: to.cols, rows: to.rows }));
    void this.#pty?.resize(size());
  }

  #fitToPlace(place: HTMLElement): void {
    if (place.clientWidth > 0) this.#fit.fit();
  }

  readonly #endShell = () => this.#pty?.close();
}
