import { parse, stringify, TomlError } from 'smol-toml'

export type TomlTable = Record<string, unknown>

/** A parsed document, or the place where it is wrong (counted from 1). */
export type TomlResult = { ok: true; table: TomlTable } | { ok: false; line: number; column: number }

/** Reads TOML 1.0. Never throws for what stands in `text`. */
export function parseToml(text: string): TomlResult {
  try {
    return { ok: true, table: parse(text) }
  } catch (error) {
    if (error instanceof TomlError) return { ok: false, line: error.line, column: error.column }
    throw error
  }
}

/** Writes TOML. Comments of a document that was read are lost: smol-toml does not keep them. */
export function formatToml(table: TomlTable): string {
  return stringify(table)
}
