/** Prints a difference: with colours on a terminal, and there without anything in it that the terminal would obey. */
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { withVisibleControls } from '../../platform/terminal/make-text-printable.ts'
import type { Io } from '../../platform/terminal/standard-streams.ts'

/** Lines under a heading of lines; those that are removed begin with "-", those that are added with "+". */
export interface DifferencePart {
  heading: readonly string[]
  /** Each line with its line end. */
  lines: string
}

/** Colours by ECMA-48 §8.3.117: bold, red, green, cyan. */
const HEADING = '1'
const COLOURS: readonly (readonly [start: string, colour: string])[] = [
  ['-', '31'],
  ['+', '32'],
  ['@', '36'],
]

/** Where it is not a terminal the lines are as they are, so that `patch` can read them. */
export function printDifference({ io, env }: { io: Io; env: Env }, parts: readonly DifferencePart[]): void {
  const { isTerminal } = io.stdout
  const isPlain = !isTerminal || Boolean(env.NO_COLOR) || env.TERM === 'dumb'
  const show = (line: string, colour: string | undefined) => {
    const shown = isTerminal ? withVisibleControls(line) : line
    return isPlain || colour === undefined ? `${shown}\n` : `\u001b[${colour}m${shown}\u001b[0m\n`
  }
  for (const { heading, lines } of parts) {
    const body = lines.replace(/\n$/, '').split('\n')
    io.stdout.write(heading.map((line) => show(line, HEADING)).join(''))
    io.stdout.write(body.map((line) => show(line, colourOf(line))).join(''))
  }
}

function colourOf(line: string): string | undefined {
  return COLOURS.find(([start]) => line.startsWith(start))?.[1]
}
