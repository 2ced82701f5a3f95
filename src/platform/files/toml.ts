/** TOML 1.0. The only importer of smol-toml. */
import { parse, stringify, TomlError } from 'smol-toml'

/** A TOML table: keys and their values. */
export type TomlTable = Record<string, unknown>

/** A parsed document, or the position of the error (both counted from 1). */
export type TomlResult = { ok: true; table: TomlTable } | { ok: false; line: number; column: number }

/** Parses a TOML document. Invalid TOML is a result, not an exception. */
export function parseToml(text: string): TomlResult {
  try {
    return { ok: true, table: parse(text) }
  } catch (error) {
    if (error instanceof TomlError) return { ok: false, line: error.line, column: error.column }
    throw error
  }
}

/** Formats a TOML document. Comments of a document that was parsed are lost: `edit-toml.ts` keeps them. */
export function formatToml(table: TomlTable): string {
  return stringify(table)
}
