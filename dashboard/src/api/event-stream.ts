/** One server-sent event. */
export interface ServerEvent {
  event: string;
  data: string;
  id?: string;
}

/** Reads server-sent events out of text that comes in pieces cut anywhere. */
export class EventParser {
  #rest = "";
  #event = "message";
  #data: string[] = [];
  #id: string | undefined;

  /** Takes a piece; gives back the events that it completes. */
  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const text = this.#rest + piece;
    // A carriage return at the end may be half of a line's end.
    const end = text.endsWith("\r") ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? "") + text.slice(end);
    for (const line of lines) {
      if (line === "") this.#complete(events);
      else this.#field(line);
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    // A line that begins with a colon is a comment: the keepalive.
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    if (name === "data") this.#data.push(value);
    if (name === "id") this.#id = value;
  }

  #complete(events: ServerEvent[]): void {
    if (this.#data.length > 0) {
      const event = { event: this.#event, data: this.#data.join("\n") };
      events.push(this.#id === undefined ? event : { ...event, id: this.#id });
    }
    this.#event = "message";
    this.#data = [];
  }
}
