/**
 * Reads a line of a log: its text, its colours, and whether it looks like an error. Used by the page that the server
 * renders and by its script, which loads this file without its types (`browser-script-from-typescript.ts`). So it imports nothing.
 */

/* oxlint-disable-next-line no-control-regex -- ECMA-48 §5.4 and §5.6: control sequences and strings */
const SEQUENCE = /\u001b(?:\[([0-?]*)[ -/]*([@-~])|[\]PX^_].*?(?:\u0007|\u001b\\|$)|[ -/]*[0-~])/gs
/* oxlint-disable-next-line no-control-regex -- characters that are not printed */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const
type Colour = (typeof NAMES)[number] | 'grey'

/** A part of a line with one style. */
export interface Stretch {
  text: string
  /** Those of `fob.css`: `ansi-…` */
  classes: string[]
}

/** The style of a text; an absent member is the default. */
interface Look {
  weight?: 'bold' | 'dim'
  slant?: 'italic'
  line?: 'underline'
  colour?: Colour
  ground?: Colour
  isReverse?: boolean
}

/** The parts of one line, without its line end. Of a line that was overwritten, the last state remains. */
export function stretches(raw: string): Stretch[] {
  const found: Stretch[] = []
  const line = raw.slice(raw.lastIndexOf('\r') + 1)
  let look: Look = {}
  let at = 0
  const add = (part: string) => {
    const text = part.replaceAll(CONTROL, '')
    if (text !== '') found.push({ text, classes: classesOf(look) })
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

/** Each background has a text colour that is readable on it, so of two colours the background counts. */
function classesOf({ weight, slant, line, colour, ground, isReverse = false }: Look): string[] {
  const behind = isReverse ? (colour ?? 'reverse') : ground
  const front = behind === undefined ? colour : `on-${behind}`
  return [weight, slant, line, front].filter((name) => name !== undefined).map((name) => `ansi-${name}`)
}

/** Select Graphic Rendition (ECMA-48 §8.3.117, and ISO 8613-6 for 38 and 48); attributes without a class are left out. */
function rendition(before: Look, parameters: string): Look {
  let look = { ...before }
  const codes = parameters.split(';')
  for (let i = 0; i < codes.length; i++) {
    const [code = 0, ...inner] = (codes[i] ?? '').split(':').map(Number)
    if (code === 0) look = {}
    else if (code === 38 || code === 48 || code === 58) {
      // The older form has its numbers as parameters of their own.
      const rest = inner.length > 0 ? inner : codes.slice(i + 1, i + 5).map(Number)
      if (inner.length === 0) i += rest[0] === 5 ? 2 : 4
      // With colons, a colour space may stand before red, green and blue.
      if (inner.length > 4 && inner[0] === 2) rest.splice(1, 1)
      const colour = extended(rest)
      if (colour !== undefined && code === 38) look.colour = colour
      if (colour !== undefined && code === 48) look.ground = colour
    } else step(look, code, inner[0])
  }
  return look
}

function step(look: Look, code: number, kind: number | undefined): void {
  if (code === 1) look.weight = 'bold'
  else if (code === 2) look.weight = 'dim'
  else if (code === 3) look.slant = 'italic'
  // 4:0 is no line, 4:3 a wavy one.
  else if (code === 24 || (code === 4 && kind === 0)) delete look.line
  else if (code === 4 || code === 21) look.line = 'underline'
  else if (code === 7) look.isReverse = true
  else if (code === 22) delete look.weight
  else if (code === 23) delete look.slant
  else if (code === 27) delete look.isReverse
  else if (code === 39) delete look.colour
  else if (code === 49) delete look.ground
  else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
    look.colour = named(code % 10, code >= 90)
  else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107))
    look.ground = named(code % 10, code >= 100)
}

/** Bright colours are the same as the others, except black. */
function named(index: number, isBright: boolean): Colour {
  return isBright && index === 0 ? 'grey' : (NAMES[index] ?? 'white')
}

/** `5, n` of 256 colours, or `2, r, g, b`. */
function extended([kind, ...values]: number[]): Colour | undefined {
  const [n, g = 0, b = 0] = values
  if (kind === 2 && n !== undefined) return nearest(n, g, b)
  if (kind !== 5 || n === undefined || !(n >= 0 && n <= 255)) return undefined
  if (n < 16) return named(n % 8, n >= 8)
  if (n >= 232) return greyOf((n - 232) * 10 + 8)
  const cube = n - 16
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6))
}

/** A part of a colour of the cube of six. */
const level = (part: number) => (part === 0 ? 0 : part * 40 + 55)

function greyOf(brightness: number): Colour {
  return brightness < 64 ? 'black' : brightness < 192 ? 'grey' : 'white'
}

/** The colour with a class that has the nearest hue. */
function nearest(r: number, g: number, b: number): Colour {
  const most = Math.max(r, g, b)
  const range = most - Math.min(r, g, b)
  if (range < 32 || range < most / 5) return greyOf(most)
  const sixth = most === r ? (g - b) / range : most === g ? 2 + (b - r) / range : 4 + (r - g) / range
  const hue = (sixth * 60 + 360) % 360
  if (hue < 20 || hue >= 330) return 'red'
  if (hue < 70) return 'yellow'
  if (hue < 165) return 'green'
  if (hue < 200) return 'cyan'
  return hue < 265 ? 'blue' : 'magenta'
}

/** Matches `FAIL: x`, `TypeError: y`, `3 failures`; not `no errors`. */
const ERROR =
  /(?<!\b(?:no|0|without) )\b(?:\w*(?:error|exception)|fail(?:s|ed|ures?)?|fatal|panic(?:ked)?|traceback)\b|✗|❌/i

/** A line as the script of the page stores it. */
export interface ErrorLine {
  /** The task; undefined for output of the script of the pipeline itself. */
  of: string | undefined
  stream: 'stdout' | 'stderr'
  raw: string
}

/**
 * The line at which to start reading about a failure: in the first task that failed, whatever others printed; else in
 * the output of the pipeline's script, and in tasks that are running. Tasks that passed come last, because they are
 * not the reason.
 * @param tasks the status of each, in the order in which the statuses were reached
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
