/** A frame of the Connect protocol: its flags and its JSON. */
export interface Frame {
  /** Whether it is the last one, which says how the stream ended. */
  end: boolean;
  message: unknown;
}

const HEAD_BYTES = 5;
const END_OF_STREAM = 0x02;

/** Puts a message into a frame: one byte of flags, four of length, JSON. */
export function encodeFrame(message: unknown): Uint8Array<ArrayBuffer> {
  const payload = new TextEncoder().encode(JSON.stringify(message));
  const frame = new Uint8Array(HEAD_BYTES + payload.length);
  new DataView(frame.buffer).setUint32(1, payload.length);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

/** Reads frames out of bytes that come in pieces cut anywhere. */
export class FrameParser {
  #pieces: Uint8Array[] = [];
  #length = 0;

  /** Takes a piece; gives back the frames that it completes. */
  push(piece: Uint8Array): Frame[] {
    this.#pieces.push(piece);
    this.#length += piece.length;
    const frames: Frame[] = [];
    if (this.#length < HEAD_BYTES) return frames;
    let bytes = this.#joined();
    for (;;) {
      const size = sizeOf(bytes);
      if (size === undefined || bytes.length < size) break;
      const text = new TextDecoder().decode(bytes.subarray(HEAD_BYTES, size));
      frames.push({ end: ((bytes[0] ?? 0) & END_OF_STREAM) !== 0, message: JSON.parse(text || "{}") });
      bytes = bytes.subarray(size);
    }
    this.#pieces = [bytes];
    this.#length = bytes.length;
    return frames;
  }

  #joined(): Uint8Array {
    const [only] = this.#pieces;
    if (this.#pieces.length === 1 && only) return only;
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
}

function sizeOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  return HEAD_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
}
