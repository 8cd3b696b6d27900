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

/** What happens in a terminal. */
export interface PtyEvents {
  /** Output; more is read only once it resolves. */
  onData: (bytes: Uint8Array) => Promise<void>;
  /** The end, as a sentence. */
  onEnd: (how: string) => void;
}

/** The connection to the engine broke. */
class ConnectionLost extends Error {}

/** A shell in a terminal of a sandbox. It is named by a tag, so that it can be ended before its process ID is known. */
export class Pty {
  readonly #id: string;
  readonly #base: string;
  readonly #process = { tag: `dashboard-${randomName()}` };
  readonly #connection = new AbortController();
  #token: string | undefined;
  #isStarted = false;
  #isClosed = false;
  #input = "";
  #sending = false;

  constructor(id: string) {
    this.#id = id;
    this.#base = `/envd/${encodeURIComponent(id)}/process.Process`;
  }

  /** Starts the shell; resolves once it runs. */
  async start(size: Size, { onData, onEnd }: PtyEvents): Promise<void> {
    const sandbox = await detail(this.#id, this.#connection.signal);
    const token = sandbox.envdAccessToken;
    if (!token) throw new Error(`the sandbox is ${stateOf(sandbox)}: a terminal needs a running one`);
    this.#token = token;
    const response = await reach(`${this.#base}/Start`, {
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
        ...this.#process,
        pty: { size },
      }),
    });
    if (!response.ok || !response.body) throw await problemOf(response);
    const messages = read(response.body, this.#connection.signal);
    const first = await messages.next();
    this.#isStarted = true;
    if (this.#isClosed) {
      // An earlier attempt may have come before there was a shell.
      await this.#kill();
      await messages.return(undefined);
      throw new Error("the terminal was left");
    }
    if (first.value?.event?.start === undefined)
      throw new Error(first.value?.error?.message ?? "the shell did not start");
    void follow(messages, onData, (how) => {
      this.#isClosed = true;
      onEnd(how);
    });
  }

  /** Types something. What is typed while a request is under way goes with the next one: order is kept. */
  write(text: string): void {
    this.#input += text;
    if (!this.#sending) void this.#send();
  }

  async resize(size: Size): Promise<void> {
    await this.#call("Update", { process: this.#process, pty: { size } }).catch(() => {});
  }

  /** Ends the shell, also one that is just being started, and when the page is about to go away. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    void this.#end();
  }

  async #end(): Promise<void> {
    if (this.#token !== undefined) await this.#kill();
    // A start that was sent is not broken off: whether there is a shell would be unknown then.
    if (this.#token === undefined || this.#isStarted) this.#connection.abort();
  }

  async #kill(): Promise<void> {
    const args = { process: this.#process, signal: "SIGNAL_SIGKILL" };
    await this.#call("SendSignal", args, true).catch(() => {});
  }

  async #send(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#input !== "") {
        const input = this.#input;
        this.#input = "";
        await this.#call("SendInput", { process: this.#process, input: { pty: encodeBase64(input) } });
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
        "X-Access-Token": this.#token ?? "",
        "Content-Type": "application/json",
        "Connect-Protocol-Version": "1",
      },
      body: JSON.stringify(args),
      keepalive,
    });
    if (!response.ok) throw await problemOf(response);
  }
}

async function* read(body: ReadableStream<Uint8Array>, stop: AbortSignal): AsyncGenerator<ProcessMessage> {
  const parser = new FrameParser();
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  stop.addEventListener("abort", cancel);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new ConnectionLost();
      });
      if (done) return;
      for (const { message } of parser.push(value)) yield message as ProcessMessage;
    }
  } finally {
    stop.removeEventListener("abort", cancel);
    cancel();
  }
}

async function follow(
  messages: AsyncGenerator<ProcessMessage>,
  onData: PtyEvents["onData"],
  onEnd: PtyEvents["onEnd"],
): Promise<void> {
  try {
    for await (const { event, error } of messages) {
      const data = event?.data?.pty ?? event?.data?.stdout ?? event?.data?.stderr;
      if (data) await onData(decodeBase64(data));
      if (event?.end) return onEnd(`The shell has ended${event.end.status ? ` (${event.end.status})` : ""}.`);
      if (error) return onEnd(`The terminal was cut off: ${error.message ?? "the sandbox is gone"}.`);
    }
    onEnd("The terminal was cut off: the sandbox no longer runs.");
  } catch (error) {
    if (error instanceof ConnectionLost) onEnd("The terminal was cut off: the connection to the engine is lost.");
    else onEnd(`The terminal was cut off: ${error instanceof Error ? error.message : error}.`);
  }
}

/** Without `crypto.randomUUID`, which a page over plain HTTP of another machine does not have. */
function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function encodeBase64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
