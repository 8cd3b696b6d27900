const net = require("node:net");

/** A byte a time, this far apart: a connection that is all but dead. */
const SLOW_MS = 20;

/**
 * Passes bytes on between clients and a port of this machine. Once armed, something happens at one byte of what follows,
 * counted over all connections: `{mode: "silent" | "slow" | "wrong", direction: "sent" | "received", position}`.
 * Silent is for good and in both directions: nothing is passed on, closed or reset, on connections old and new.
 */
class ByteRelay {
  #server = net.createServer((client) => this.#serve(client));
  #upstream;
  #fault;
  #isSilent = false;
  /** Connections of clients, each with whether its last bytes were sent by the client. */
  #sockets = new Map();
  passed = { sent: 0, received: 0 };

  static async start(upstream) {
    const relay = new ByteRelay();
    relay.#upstream = upstream;
    await new Promise((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** How many connections there are whose clients have sent something and have had no answer: the others are idle. */
  get waiting() {
    return [...this.#sockets.values()].filter((isWaiting) => isWaiting).length;
  }

  /** Counts from here on, and lets a fault happen, if there is one. */
  arm(fault) {
    this.passed = { sent: 0, received: 0 };
    this.#fault = fault;
  }

  /** Passes everything on again, on new connections: the old ones are closed. */
  heal() {
    this.#fault = undefined;
    this.#isSilent = false;
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  async stop() {
    this.heal();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client) {
    const server = net.connect(this.#upstream, "127.0.0.1");
    this.#sockets.set(client, false);
    client.on("data", () => this.#sockets.set(client, true));
    client.setNoDelay(true);
    server.setNoDelay(true);
    this.#pass(client, server, "sent");
    this.#pass(server, client, "received");
    client.once("close", () => {
      this.#sockets.delete(client);
      server.destroy();
    });
  }

  #pass(from, to, direction) {
    // What breaks is seen by its end.
    from.on("error", () => {});
    from.on("end", () => this.#isSilent || to.end());
    from.on("close", () => this.#isSilent || to.destroy());
    from.on("data", (bytes) => this.#take(bytes, from, to, direction));
  }

  #take(bytes, from, to, direction) {
    if (this.#isSilent) return;
    const start = this.passed[direction];
    const fault = this.#fault?.direction === direction ? this.#fault : undefined;
    const at = fault ? fault.position - start : Number.POSITIVE_INFINITY;
    this.passed[direction] += bytes.length;
    // Whatever comes of it now, it was answered.
    if (direction === "received" && fault?.mode !== "silent") this.#sockets.set(to, false);
    if (at >= bytes.length) {
      if (direction === "received") this.#sockets.set(to, false);
      to.write(bytes);
      return;
    }
    const before = bytes.subarray(0, Math.max(at, 0));
    if (fault.mode === "silent") {
      this.#isSilent = true;
      if (before.length > 0) to.write(before);
    } else if (fault.mode === "slow") {
      if (before.length > 0) to.write(before);
      this.#drip(bytes.subarray(before.length), from, to);
    } else {
      if (at >= 0) bytes[at] ^= 0x15;
      to.write(bytes);
    }
  }

  #drip(bytes, from, to) {
    from.pause();
    let index = 0;
    const timer = setInterval(() => {
      if (to.destroyed || index === bytes.length) {
        clearInterval(timer);
        from.resume();
        return;
      }
      to.write(bytes.subarray(index, ++index));
    }, SLOW_MS);
  }
}

module.exports = { ByteRelay };
