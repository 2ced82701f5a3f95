/** docs/reference.md against the program: every command, flag, setting, variable and exit code. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REFERENCE, renderReference, VARIABLES } from '../scripts/reference.ts'
import { findCommand, runnable } from '../src/cli/parsing/find-command.ts'
import { flagTable, takesValue } from '../src/cli/parsing/flag-spellings.ts'
import { GLOBAL_FLAGS } from '../src/cli/parsing/global-flags.ts'
import { ROOT } from '../src/cli/root-command.ts'

test('docs/reference.md says what the program does (write it anew with scripts/reference.ts)', async () => {
  expect(readFileSync(REFERENCE, 'utf8')).toBe(await renderReference())
})

test('it names every variable of ours that the client reads, and no other', () => {
  const src = join(import.meta.dir, '../src')
  const texts = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) => name.endsWith('.ts') && !/^server\/|^cli\/(?:administration|commands\/server)\//.test(name),
    )
    .map((name) => readFileSync(join(src, name), 'utf8'))
  const read = texts.flatMap((text) =>
    [...text.matchAll(/\benv(?:\.|, ')((?:FOB|CI)_[A-Z_]+)/g)].map((match) => match[1] ?? ''),
  )
  const named = Object.keys(VARIABLES).filter((name) => /^(?:FOB|CI)_/.test(name))
  expect(named.toSorted()).toEqual([...new Set(read)].toSorted())
})

describe('nothing of the reference before citty is lost', () => {
  const before = readReference(
    readFileSync(join(import.meta.dir, 'fixtures/reference-before-citty.md'), 'utf8'),
  )
  const now = readReference(readFileSync(REFERENCE, 'utf8'))

  test('the earlier page is read as a whole, so that the comparison cannot pass on nothing', () => {
    expect(before.commands.size).toBe(54)
    expect(before.spellings.length).toBeGreaterThanOrEqual(200)
    expect([before.variables.length, before.exits.length]).toEqual([69, 17])
  })

  test.each([...before.commands])('%s can be typed, with the flags that it had', async (command, flags) => {
    const { command: found, path } = await findCommand(ROOT, command.split(' ').slice(1))
    expect(['fob', ...path].join(' ')).toBe(command)
    const runs = await runnable(found)
    const table = flagTable({ ...runs?.args, ...GLOBAL_FLAGS })
    for (const { spelling, takesValue: took } of flags) {
      const name = spelling.replace(/^--?/, '')
      expect({ spelling, known: table.has(name), value: takesValue(table.get(name)) }).toEqual({
        spelling,
        known: true,
        value: took,
      })
    }
  })

  test('every command is on the page, under its name or as another spelling', () => {
    const lost = [...before.commands.keys()].filter(
      (command) => !now.commands.has(command) && !now.others.includes(command),
    )
    expect(lost).toEqual([])
  })

  test('every flag of a command is on the page', () => {
    const lost = [...before.commands].flatMap(([command, flags]) => {
      const there = new Set(now.commands.get(command)?.map(({ spelling }) => spelling))
      const here = now.commands.has(command) ? flags : []
      return here
        .filter(({ spelling }) => !there.has(spelling))
        .map(({ spelling }) => `${command} ${spelling}`)
    })
    expect(lost).toEqual([])
  })

  test('so is every flag of all commands, every setting, variable and exit code', () => {
    expect(before.spellings.filter((spelling) => !now.spellings.includes(spelling))).toEqual([])
    expect(before.variables.filter((name) => !now.variables.includes(name))).toEqual([])
    expect(before.exits.filter((row) => !now.exits.includes(row))).toEqual([])
  })
})

interface FlagRow {
  /** With its dashes. */
  spelling: string
  takesValue: boolean
}

interface Reference {
  commands: Map<string, FlagRow[]>
  /** Commands that the page lists as other spellings. */
  others: string[]
  /** Of all flags, settings included. */
  spellings: string[]
  variables: string[]
  /** A status and one of its codes: "1 `failed`". */
  exits: string[]
}

/** The rows of a reference page. */
function readReference(page: string): Reference {
  const commands = new Map<string, FlagRow[]>()
  const found: Omit<Reference, 'commands'> = { others: [], spellings: [], variables: [], exits: [] }
  let [section, command] = ['', '']
  for (const line of page.split('\n')) {
    if (line.startsWith('## ')) [section, command] = [line, '']
    if (line.startsWith('### ')) {
      command = line.slice(4)
      commands.set(command, [])
    }
    const [, first = '', second = ''] = line.split(/(?<!\\) ?\| ?/)
    const flags = first.startsWith('`-') ? flagRows(first) : []
    commands.get(command)?.push(...flags)
    found.spellings.push(...flags.map(({ spelling }) => spelling))
    if (section.includes('ariables') || section.includes('ettings')) {
      found.variables.push(...variablesOf(first), ...variablesOf(second))
    }
    if (section === '## Exit codes' && /^\d+$/.test(first)) {
      found.exits.push(...second.split(', ').map((code) => `${first} ${code}`))
    }
    if (first.startsWith('`fob ')) found.others.push(first.replaceAll('`', ''))
  }
  return { commands, ...found }
}

/** `FOB_SERVER`, alone in its backticks. */
function variablesOf(cell: string): string[] {
  return Array.from(cell.matchAll(/`([A-Z][A-Z0-9_]+)`/g), ([, name = '']) => name)
}

/** `-s, --server URL` (`--url`): each of its spellings. */
function flagRows(cell: string): FlagRow[] {
  const spellings = cell.match(/(?<![\w-])--?[\w-]+/g) ?? []
  const value = / [A-Z]/.test(cell.split('`')[1] ?? '')
  return spellings.map((spelling) => ({ spelling, takesValue: value }))
}
