/** Secret values, which never print: not in text, JSON, logs or inspection. */
/** The text that is printed in place of the value. */
const MASK = '[secret]'
/** `util.inspect.custom`, without loading `node:util`. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/**
 * A value that never prints: string conversion, JSON and inspection all give `[secret]`.
 * `reveal()` and `bytes()` stand on the last line before the value is used, and nowhere else.
 */
export class Secret {
  readonly #value: string | Uint8Array

  /** Bytes that are UTF-8 are text; others stay as they are. */
  constructor(value: string | Uint8Array) {
    this.#value = typeof value === 'string' ? value : (asText(value) ?? Uint8Array.from(value))
  }

  /** False for bytes that are not UTF-8. */
  get isText(): boolean {
    return typeof this.#value === 'string'
  }

  /** The text. @throws Error for what is not text: where that can come, ask `isText` first */
  reveal(): string {
    if (typeof this.#value !== 'string') throw new Error('a secret that is not text was asked for as text')
    return this.#value
  }

  /** The value as bytes, whatever it is. */
  bytes(): Buffer {
    return Buffer.from(this.#value)
  }

  toString(): string {
    return MASK
  }

  toJSON(): string {
    return MASK
  }

  [Symbol.toPrimitive](): string {
    return MASK
  }

  [INSPECT](): string {
    return MASK
  }
}

/** A byte order mark is part of the value and stays. */
function asText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
