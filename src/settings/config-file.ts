/**
 * Owns: the user's preferences, `config.toml` in fob's home. Keys that we do not know survive a rewrite.
 * Refuses: secrets, and precedence: flags, variables and defaults are for `session` and `cli`.
 */
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { codeOf, whyUnreadable } from '../platform/files/describe-file-errors.ts'
import { readPrivateFile } from '../platform/files/read-private-files.ts'
import type { TomlTable } from '../platform/files/toml.ts'

const schema = v.looseObject({
  server: v.optional(v.string()),
  tenant: v.optional(v.string()),
  output: v.optional(v.string()),
  /** Whether requests with a `ci_` token are signed. */
  sign: v.optional(v.boolean()),
  /** The pipeline that `fob run` runs without a name. */
  run: v.optional(v.looseObject({ pipeline: v.optional(v.string()) })),
  servers: v.optional(v.record(v.string(), v.looseObject({ tenant: v.optional(v.string()) }))),
})
export type Settings = v.InferOutput<typeof schema>

export function settingsPath(home: string): string {
  return join(home, 'config.toml')
}

/**
 * The settings, empty where there is no file. TOML is loaded only when there is one.
 * @throws Fault `config` naming the file and the place or key that is wrong.
 */
export async function readSettings(home: string): Promise<Settings> {
  const document = await readDocument(settingsPath(home))
  return document === undefined ? {} : check(document.table, settingsPath(home))
}

/** The file's table and text; undefined without a file. @throws Fault `config`. */
export async function readDocument(path: string): Promise<{ table: TomlTable; text: string } | undefined> {
  let text: string | undefined
  try {
    text = readPrivateFile(path)
  } catch (error) {
    throw unusable(path, error)
  }
  if (text === undefined) return undefined
  const { parseToml } = await import('../platform/files/toml.ts')
  const result = parseToml(text)
  if (result.ok) return { table: result.table, text }
  throw new Fault('config', `${path} is not valid TOML (line ${result.line}, column ${result.column})`, {
    hint: 'repair it, or delete it to start afresh',
  })
}

/** @throws Fault `config` naming the key that is wrong */
export function check(table: TomlTable, path: string): Settings {
  const parsed = v.safeParse(schema, table)
  if (parsed.success) return parsed.output
  const key = v.getDotPath(parsed.issues[0]) ?? 'a key'
  throw new Fault('config', `${path}: "${key}" has the wrong type`, {
    hint: key === 'sign' ? 'it takes true or false, without quotes' : 'a setting is a text in quotes',
  })
}

/** A system error as a fault that names the file; any other error as it is. */
export function unusable(path: string, error: unknown): unknown {
  const system = codeOf(error) !== undefined && !(error instanceof Fault)
  return system ? new Fault('config', `cannot use ${path}: ${whyUnreadable(error)}`) : error
}
