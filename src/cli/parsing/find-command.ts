import { Fault } from '../../contract/fault.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'
import { nearest } from '../../contract/nearest-word.ts'
import type { Group, Leaf, Node } from '../root-command.ts'

export interface Resolved {
  /** The words typed, and the fallback's where one was filled in. */
  path: string[]
  node: Node
  /** What is left for the command: global flags that stood before its words, then everything after them. */
  rest: string[]
}

/**
 * Finds the command that `argv` names. Global flags may stand before or between the words
 * (`fob -s URL runs list`); any other flag ends them.
 * @throws Fault `usage` on a word that no command has, with the nearest one.
 */
export function resolveCommand(tree: Group, argv: readonly string[]): Resolved {
  let node: Node = tree
  const path: string[] = []
  const before: string[] = []
  let i = 0
  while (node.kind === 'group' && i < argv.length) {
    const arg = argv[i] ?? ''
    const width = globalFlagWidth(arg)
    if (width > 0) {
      before.push(...argv.slice(i, i + width))
      i += width
      continue
    }
    if (arg.startsWith('-')) break
    node = child(node, arg, path)
    path.push(arg)
    i += 1
  }
  return { path, node, rest: [...before, ...argv.slice(i)] }
}

/** The command that a group runs when no word follows, if it has one. */
export function fallbackOf(group: Group): Leaf | undefined {
  const node = group.fallback === undefined ? undefined : group.children[group.fallback]
  return node?.kind === 'leaf' ? node : undefined
}

function child(group: Group, word: string, path: readonly string[]): Node {
  const found = Object.hasOwn(group.children, word) ? group.children[word] : undefined
  if (found !== undefined) return found
  const near = nearest(word, Object.keys(group.children))
  const typed = ['fob', ...path].join(' ')
  // What is no word may be a token or a KEY=VALUE that slipped: it is not repeated.
  const said = /^[a-z]{1,20}(?:-[a-z]{1,20}){0,3}$/i.test(word) ? ` "${[...path, word].join(' ')}"` : ''
  throw new Fault('usage', `unknown command${said}`, {
    hint: near === undefined ? `run "${typed} --help" for the commands` : `did you mean "${typed} ${near}"?`,
  })
}

const VALUE_SPELLINGS = new Set<string>()
const BOOLEAN_SPELLINGS = new Set<string>()
for (const [name, flag] of Object.entries(GLOBAL_FLAGS)) {
  const spellings = flag.type === 'boolean' ? BOOLEAN_SPELLINGS : VALUE_SPELLINGS
  spellings.add(`--${name}`)
  if ('short' in flag) spellings.add(`-${flag.short}`)
  if ('aliases' in flag) for (const other of flag.aliases) spellings.add(`--${other}`)
}

/** How many arguments a global flag at this place takes up: 0 when `arg` is not one. */
function globalFlagWidth(arg: string): 0 | 1 | 2 {
  if (BOOLEAN_SPELLINGS.has(arg)) return 1
  if (VALUE_SPELLINGS.has(arg)) return 2
  const equals = arg.indexOf('=')
  return equals > 0 && VALUE_SPELLINGS.has(arg.slice(0, equals)) ? 1 : 0
}
