import { expect, test } from "vitest";
import { EventParser } from "./event-stream.ts";

test("events are read whole, wherever they are cut, and comments are none", () => {
  const text =
    ': keepalive\n\nevent: hello\ndata: {"sequence":3}\n\nid: 4\nevent: sandbox\ndata: {"a":\ndata: 1}\r\n\r\n';
  for (let size = 1; size <= text.length; size++) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
    expect(events).toEqual([
      { event: "hello", data: '{"sequence":3}' },
      { event: "sandbox", data: '{"a":\n1}', id: "4" },
    ]);
  }
});

test("an event without data is none", () => {
  expect(new EventParser().push("event: reset\n\n")).toEqual([]);
});
