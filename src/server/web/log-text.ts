/**
 * What a line of a log is, as text: for the page that the server makes and for the script that takes its place, which
 * loads this file with the types taken out (`script-text.ts`). So it imports nothing.
 */

/* oxlint-disable-next-line no-control-regex -- ECMA-48 §5.4 and §5.6: control sequences and strings */
const SEQUENCE = /\u001b(?:\[([0-?]*)[ -/]*([@-~])|[\]PX^_].*?(?:\u0007|\u001b\\|$)|[ -/]*[0-~])/gs
/* oxlint-disable-next-line no-control-regex -- what would do something other than stand there */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

/** A part of a line that looks the same from its beginning to its end. */
export interface Stretch {
  text: string
  /** Those of `fob.css`: `ansi-…` */
  classes: string[]
}

/** How text looks: what each aspect is, of those that are not as usual. */
type Look = Partial<Record<'weight' | 'slant' | 'line' | 'colour', string>>

/** The stretches of one line without its end. Of a line that was written over, the last state remains. */
export function stretches(raw: string): Stretch[] {
  const found: Stretch[] = []
  const line = raw.slice(raw.lastIndexOf('\r') + 1)
  let look: Look = {}
  let at = 0
  const add = (part: string) => {
    const text = part.replaceAll(CONTROL, '')
    if (text !== '') found.push({ text, classes: Object.values(look).map((name) => `ansi-${name}`) })
  }
  for (const match of line.matchAll(SEQUENCE)) {
    add(line.slice(at, match.index))
    at = match.index + match[0].length
    if (match[2] === 'm') look = rendition(look, match[1] ?? '')
  }
  add(line.slice(at))
  return found
}

/** The same line without colours. */
export function plain(raw: string): string {
  const line = raw.slice(raw.lastIndexOf('\r') + 1)
  return line.replaceAll(SEQUENCE, '').replaceAll(CONTROL, '')
}

/** Select Graphic Rendition (ECMA-48 §8.3.117); what has no class is left out. */
function rendition(before: Look, parameters: string): Look {
  let look = { ...before }
  const codes = parameters.split(/[;:]/).map(Number)
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0
    if (code === 0) look = {}
    else if (code === 1) look.weight = 'bold'
    else if (code === 2) look.weight = 'dim'
    else if (code === 3) look.slant = 'italic'
    else if (code === 4) look.line = 'underline'
    else if (code === 22) delete look.weight
    else if (code === 23) delete look.slant
    else if (code === 24) delete look.line
    else if (code >= 30 && code <= 37) look.colour = NAMES[code - 30] ?? 'white'
    else if (code >= 90 && code <= 97) look.colour = NAMES[code - 90] ?? 'white'
    else if (code === 39) delete look.colour
    else if (code === 38 || code === 48) i += codes[i + 1] === 5 ? 2 : 4
  }
  return look
}

/**
 * What looks like one: `FAIL: x`, `TypeError: y`, `3 failures`; not `no errors`.
 */
const ERROR =
  /(?<!\b(?:no|0|without) )\b(?:\w*(?:error|exception)|fail(?:s|ed|ures?)?|fatal|panic(?:ked)?|traceback)\b|✗|❌/i

/** A line as the page's script keeps it. */
export interface ErrorLine {
  /** Which task's; undefined for what the script of the pipeline itself said. */
  of: string | undefined
  stream: 'stdout' | 'stderr'
  raw: string
}

/**
 * Where somebody begins to read who wants to know what went wrong: in the first task that failed, whatever others
 * printed; then in what the pipeline's script said, and in tasks that go on. Tasks that passed come last, as
 * they are no reason for anything.
 * @param tasks what is known of each, in the order in which that became of it
 */
export function firstError<Line extends ErrorLine>(
  lines: readonly Line[],
  tasks: Iterable<readonly [of: string, status: string]>,
): Line | undefined {
  const status = new Map(tasks)
  const failed = [...status].filter(([, became]) => became === 'failure' || became === 'error')
  const cutOff = [...status].filter(([, became]) => became === 'abort')
  const looks = lines.filter(({ raw }) => ERROR.test(plain(raw)))
  for (const [task] of [...failed, ...cutOff]) {
    const isOf = ({ of }: Line) => of === task
    const found =
      looks.find(isOf) ?? lines.find((line) => isOf(line) && line.stream === 'stderr') ?? lines.findLast(isOf)
    if (found) return found
  }
  const isScript = ({ of }: Line) => of === undefined
  return (
    looks.find(isScript) ??
    lines.find((line) => isScript(line) && line.stream === 'stderr') ??
    looks.find(({ of = '' }) => status.get(of) !== 'success') ??
    looks[0]
  )
}
