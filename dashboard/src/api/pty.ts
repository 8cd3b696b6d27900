import { problemOf, reach } from "./client.ts";
import { encodeFrame, FrameParser } from "./frames.ts";
import { detail } from "./sandboxes.ts";
import { stateOf } from "./types.ts";

/** What the agent says of a process. */
interface ProcessMessage {
  event?: {
    start?: { pid: number };
    data?: { pty?: string; stdout?: string; stderr?: string };
    end?: { status?: string; error?: string };
  };
  error?: { message?: string };
}

export interface Size {
  cols: number;
  rows: number;
}

/** A shell in a terminal of a sandbox. */
export class Pty {
  readonly #base: string;
  readonly #token: string;
  readonly #pid: number;
  #input = "";
  #sending = false;

  private constructor(base: string, token: string, pid: number) {
    this.#base = base;
    this.#token = token;
    this.#pid = pid;
  }

  /** Starts a shell; `onData` gets its output, `onEnd` a sentence once it has ended. */
  static async open(
    id: string,
    size: Size,
    signal: AbortSignal,
    onData: (bytes: Uint8Array) => void,
    onEnd: (how: string) => void,
  ): Promise<Pty> {
    const sandbox = await detail(id, signal);
    const token = sandbox.envdAccessToken;
    if (!token) throw new Error(`the sandbox is ${stateOf(sandbox)}: a terminal needs a running one`);
    const base = `/envd/${encodeURIComponent(id)}/process.Process`;
    const response = await reach(`${base}/Start`, {
      method: "POST",
      headers: {
        "X-Access-Token": token,
        "Content-Type": "application/connect+json",
        "Connect-Protocol-Version": "1",
      },
      body: encodeFrame({
        process: {
          cmd: "/bin/sh",
          args: ["-c", "exec $(command -v bash || echo sh) -i"],
          envs: { TERM: "xterm-256color", COLORTERM: "truecolor" },
        },
        pty: { size },
      }),
      signal,
    });
    if (!response.ok || !response.body) throw await problemOf(response);
    const messages = read(response.body);
    const first = await messages.next();
    const pid = first.value?.event?.start?.pid;
    if (pid === undefined) throw new Error(first.value?.error?.message ?? "the shell did not start");
    follow(messages, onData, onEnd);
    return new Pty(base, token, pid);
  }

  /** Types something. What is typed while a request is under way goes with the next one: order is kept. */
  write(text: string): void {
    this.#input += text;
    if (!this.#sending) void this.#send();
  }

  async resize(size: Size): Promise<void> {
    await this.#call("Update", { process: { pid: this.#pid }, pty: { size } }).catch(() => {});
  }

  /** Ends the shell; also when the page is about to go away. */
  close(): void {
    const args = { process: { pid: this.#pid }, signal: "SIGNAL_SIGKILL" };
    this.#call("SendSignal", args, true).catch(() => {});
  }

  async #send(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#input !== "") {
        const input = this.#input;
        this.#input = "";
        await this.#call("SendInput", { process: { pid: this.#pid }, input: { pty: encodeBase64(input) } });
      }
    } catch {
      // The stream of its output says that it has ended.
    } finally {
      this.#sending = false;
    }
  }

  async #call(name: string, args: unknown, keepalive = false): Promise<void> {
    const response = await reach(`${this.#base}/${name}`, {
      method: "POST",
      headers: {
        "X-Access-Token": this.#token,
        "Content-Type": "application/json",
        "Connect-Protocol-Version": "1",
      },
      body: JSON.stringify(args),
      keepalive,
    });
    if (!response.ok) throw await problemOf(response);
  }
}

async function* read(body: ReadableStream<Uint8Array>): AsyncGenerator<ProcessMessage> {
  const parser = new FrameParser();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const { message } of parser.push(value)) yield message as ProcessMessage;
  }
}

async function follow(
  messages: AsyncGenerator<ProcessMessage>,
  onData: (bytes: Uint8Array) => void,
  onEnd: (how: string) => void,
): Promise<void> {
  try {
    for await (const { event, error } of messages) {
      const data = event?.data?.pty ?? event?.data?.stdout ?? event?.data?.stderr;
      if (data) onData(decodeBase64(data));
      if (event?.end) return onEnd(`The shell has ended${event.end.status ? ` (${event.end.status})` : ""}.`);
      if (error) return onEnd(`The terminal was cut off: ${error.message ?? "the sandbox is gone"}.`);
    }
    onEnd("The terminal was cut off: the sandbox no longer runs.");
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    onEnd("The terminal was cut off: the connection to the engine is lost.");
  }
}

function encodeBase64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
