/**
 * Owns: what the words of commands mean: which other words stand for them, and what each of them does to things.
 * Refuses: to suggest a word that does something else than the one that was typed could mean.
 */
import { nearestAll } from '../../contract/nearest-word.ts'

/** What a command does to things. A word is only ever suggested for one with the same effect. */
type Effect =
  | 'read'
  | 'write'
  | 'remove'
  | 'start'
  | 'stop'
  | 'pause'
  | 'unpause'
  | 'replace'
  | 'log in'
  | 'log out'
  | 'call'
  /** A group of commands, which does nothing by itself. */
  | 'group'

/** The words of all commands by their effect; those of groups are left out. */
const COMMANDS: Readonly<Record<Exclude<Effect, 'group'>, readonly string[]>> = {
  read: [
    'list',
    'show',
    'logs',
    'status',
    'token',
    'whoami',
    'check',
    'diff',
    'types',
    'version',
    'completion',
  ],
  write: ['set', 'create', 'add', 'use', 'switch', 'trust', 'webhook', 'backup', 'init'],
  remove: ['rm', 'revoke'],
  start: ['run', 'start', 'resume', 'again'],
  stop: ['stop'],
  pause: ['pause'],
  unpause: ['unpause'],
  replace: ['regenerate', 'passwd', 're-encrypt', 'rewrap', 'rotate-passphrase', 'restore'],
  'log in': ['login', 'refresh'],
  'log out': ['logout'],
  call: ['api', 'mcp-proxy', '__complete'],
}

/** Words of other programs that fob does not have, by what they do there. */
const FOREIGN: Readonly<Partial<Record<Effect, readonly string[]>>> = {
  read: 'cat compare describe dump find get info inspect log ls open print read search tail top view watch'.split(
    ' ',
  ),
  write: 'configure edit import make new push put rename save update upload write'.split(' '),
  remove: 'clear del delete destroy drop erase purge remove uninstall unset'.split(' '),
  start: 'exec execute launch rerun restart retry trigger'.split(' '),
  stop: 'abort cancel end halt kill terminate'.split(' '),
  pause: ['disable', 'suspend'],
  unpause: ['enable'],
  replace: ['renew', 'rotate'],
  'log in': ['signin'],
  'log out': ['logoff', 'signout'],
}

const EFFECTS: ReadonlyMap<string, Effect> = new Map(
  [COMMANDS, FOREIGN].flatMap((table) =>
    Object.entries(table).flatMap(([effect, words]) =>
      words.map((word) => [word, effect as Effect] as const),
    ),
  ),
)

/** Words that are understood in every group that has one of the words behind them, for the first of those. */
export const SYNONYMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['ls', ['list']],
  ['view', ['show']],
  ['cancel', ['stop']],
  ['delete', ['rm', 'revoke']],
  ['remove', ['rm', 'revoke']],
  ['rm', ['revoke']],
])

/** What the word of a command does; undefined for a word of which that is not known. */
export function effectOf(word: string): Effect | undefined {
  return EFFECTS.get(word)
}

/** The commands that `word` can stand for, the likeliest first: itself, or what it is another word for. */
export function meaningsOf(word: string): readonly string[] {
  return [word, ...(SYNONYMS.get(word) ?? [])]
}

/** The other number of the word of a group: `secret` of `secrets`, `pipelines` of `pipeline`. */
export function otherNumber(word: string): string {
  return word.endsWith('s') ? word.slice(0, -1) : `${word}s`
}

/** A shorter word is a typo of too many others to suggest one that deletes. */
const MIN_LETTERS_TO_REMOVE = 4

/**
 * The word that `word` was probably meant to be: the nearest one of the same effect. Where the effect of `word` is not
 * known, it is undefined if the nearest words differ in theirs.
 */
export function nearestCommand(word: string, among: readonly string[]): string | undefined {
  if (effectOf(word) !== undefined) return nearestAll(word, sameEffect(word, among))[0]
  const near = nearestAll(word, among)
  const effects = new Set(near.map((candidate) => effectOf(candidate) ?? 'group'))
  if (effects.size > 1 || (effects.has('remove') && word.length < MIN_LETTERS_TO_REMOVE)) return undefined
  return near[0]
}

/** The words that do to things what `word` does, whatever they are called; none where that is not known. */
export function sameEffect(word: string, among: readonly string[]): readonly string[] {
  const effect = effectOf(word)
  return effect === undefined ? [] : among.filter((candidate) => effectOf(candidate) === effect)
}
