const MASK = '[secret]'
/** `util.inspect.custom`, without loading `node:util`. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/**
 * A string that never prints: string conversion, JSON and inspection all give `[secret]`.
 * `reveal()` stands on the last line before the value is used, and nowhere else.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
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
