/** Changes texts of a TOML document line by line, so that its comments, blank lines and order stay. */
import { formatToml, parseToml, type TomlTable } from './toml.ts'

interface ChangedText {
  path: readonly string[]
  value: string
}

/**
 * The document with what differs between its table and `after`.
 * @returns undefined where more than texts differ, or the document is written in a way that this does not know
 */
export function editToml(text: string, before: TomlTable, after: TomlTable): string | undefined {
  const changes = changedTexts(before, after)
  if (changes === undefined) return undefined
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const edited = `${changes.reduce(setText, lines).join('\n')}\n`
  // The parser has the last word: a table within a text of several lines, for instance, only looks like one.
  const parsed = parseToml(edited)
  return parsed.ok && Bun.deepEquals(parsed.table, after) ? edited : undefined
}

function changedTexts(
  before: TomlTable,
  after: TomlTable,
  path: readonly string[] = [],
): ChangedText[] | undefined {
  if (Object.keys(before).some((key) => !Object.hasOwn(after, key))) return undefined
  const changes: ChangedText[] = []
  for (const [key, value] of Object.entries(after)) {
    const old = before[key]
    if (Bun.deepEquals(old, value)) continue
    if (typeof value === 'string') {
      changes.push({ path: [...path, key], value })
      continue
    }
    const below = isTable(value) ? changedTexts(isTable(old) ? old : {}, value, [...path, key]) : undefined
    if (below === undefined) return undefined
    changes.push(...below)
  }
  return changes
}

function setText(lines: readonly string[], { path, value }: ChangedText): string[] {
  const key = path.at(-1) ?? ''
  const table = path.slice(0, -1)
  const header = table.length === 0 ? -1 : lines.findIndex((line) => Bun.deepEquals(headerOf(line), table))
  if (table.length > 0 && header < 0) {
    const nested = table.reduceRight<TomlTable>((inner, name) => ({ [name]: inner }), { [key]: value })
    return [...lines, ...(lines.length === 0 ? [] : ['']), ...formatToml(nested).trimEnd().split('\n')]
  }
  const next = lines.findIndex((line, index) => index > header && /^\s*\[/.test(line))
  const end = next < 0 ? lines.length : next
  const entry = formatToml({ [key]: value }).trimEnd()
  const at = lines.findIndex((line, index) => index > header && index < end && keyOf(line) === key)
  const found = lines[at]
  if (found !== undefined) return lines.toSpliced(at, 1, withValue(found, entry))
  const last = lines.findLastIndex(
    (line, index) => index > header && index < end && keyOf(line) !== undefined,
  )
  return lines.toSpliced((last < 0 ? header : last) + 1, 0, entry)
}

/** `line` with the value of `entry`; what stands behind the value stays. */
function withValue(line: string, entry: string): string {
  const parts = /^(\s*(?:"[^"]*"|'[^']*'|[\w-]+)\s*=\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*')(.*)$/.exec(line)
  if (parts === null) return entry
  return `${parts[1] ?? ''}${entry.slice(entry.indexOf('=') + 1).trim()}${parts[2] ?? ''}`
}

/** The key that a line sets, where it is whole on that line. */
function keyOf(line: string): string | undefined {
  if (/^\s*(?:\[|#|$)/.test(line)) return undefined
  const parsed = parseToml(line)
  return parsed.ok ? Object.keys(parsed.table)[0] : undefined
}

/** The names of the table that a line opens. */
function headerOf(line: string): string[] | undefined {
  if (!/^\s*\[[^[]/.test(line)) return undefined
  const parsed = parseToml(line)
  const names: string[] = []
  for (let at: unknown = parsed.ok ? parsed.table : {}; isTable(at);) {
    const [name] = Object.keys(at)
    if (name === undefined) break
    names.push(name)
    at = at[name]
  }
  return names
}

function isTable(value: unknown): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
