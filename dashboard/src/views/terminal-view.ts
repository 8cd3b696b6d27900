import { FitAddon } from "@xterm/addon-fit";
import { type ITheme, Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { Pty } from "../api/pty.ts";
import { Flow } from "./flow.ts";
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
  readonly #observer: ResizeObserver;
  readonly #flow: Flow;
  readonly #pty: Pty;
  #isConnected = false;
  #isClosed = false;
  #typedEarly = "";

  constructor(place: HTMLElement, id: string, dark: boolean, leave: () => void, onEnd: (how: string) => void) {
    installStrictStyles();
    this.#pty = new Pty(id);
    this.#terminal = new Terminal({
      theme: dark ? DARK : LIGHT,
      fontFamily: getComputedStyle(place).fontFamily,
      fontSize: 13,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      screenReaderMode: true,
      minimumContrastRatio: 4.5,
      scrollback: 5000,
    });
    this.#flow = new Flow((bytes, drawn) => this.#terminal.write(bytes, drawn));
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
      if (this.#isConnected) this.#pty.write(text);
      else this.#typedEarly += text;
    });
    void this.#connect(onEnd);
  }

  show(): void {
    this.#fit.fit();
    this.#terminal.focus();
  }

  setDark(dark: boolean): void {
    this.#terminal.options.theme = dark ? DARK : LIGHT;
  }

  close(): void {
    this.#isClosed = true;
    removeEventListener("pagehide", this.#endShell);
    this.#endShell();
    this.#observer.disconnect();
    this.#terminal.dispose();
    this.#flow.end();
  }

  async #connect(onEnd: (how: string) => void): Promise<void> {
    const terminal = this.#terminal;
    const size = () => ({ cols: terminal.cols, rows: terminal.rows });
    const tellEnd = (how: string) => {
      this.#isConnected = false;
      if (!this.#isClosed) onEnd(how);
    };
    try {
      const onData = async (bytes: Uint8Array) => {
        if (!this.#isClosed) await this.#flow.write(bytes);
      };
      await this.#pty.start(size(), { onData, onEnd: tellEnd });
    } catch (error) {
      return tellEnd(`No terminal: ${error instanceof Error ? error.message : error}.`);
    }
    this.#isConnected = true;
    this.#pty.write(this.#typedEarly);
    terminal.onResize((to) => this.#isConnected && this.#pty.resize({ cols: to.cols, rows: to.rows }));
    void this.#pty.resize(size());
  }

  #fitToPlace(place: HTMLElement): void {
    if (place.clientWidth > 0) this.#fit.fit();
  }

  readonly #endShell = () => this.#pty.close();
}
