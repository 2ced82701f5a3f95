import type { Liquid } from 'liquidjs'
import { Fault } from '../../../contract/fault.ts'
import { safeLine } from '../../../platform/terminal/printable-text.ts'

/** A template is written by a script, which may be anybody's: each of these is far above what a message needs. */
const MAX_TEMPLATE = 64 * 1024
/** Of processor time, in which nothing else happens in the server. */
const MAX_MS = 50
/** In LiquidJS's own count: characters and elements that filters make. */
const MAX_MEMORY = 128 * 1024
/** Filters that evaluate an expression for each element: no limit is looked at before the last of them. */
const EVALUATING = /_exp$/
/** Filters that follow a path in each element, with no limit either; and how long a path may be. */
const FOLLOWING = [
  'map',
  'sum',
  'sort',
  'sort_natural',
  'where',
  'reject',
  'group_by',
  'has',
  'find',
  'find_index',
]
const MAX_PATH = 5

/**
 * A message of its template: Liquid, without files, code or anything that the values did not have themselves. A
 * name that is not known is an error, so that nobody is told "Build of  is ".
 * @param escape what a value becomes in the text; `| raw` leaves one as it is.
 * @throws Fault `usage` saying what is wrong with the template
 */
export async function render(
  template: string,
  scope: Readonly<Record<string, unknown>>,
  escape: ((value: string) => string) | undefined,
): Promise<string> {
  if (template.length > MAX_TEMPLATE) {
    throw new Fault('usage', `the message has over ${MAX_TEMPLATE} characters`)
  }
  if (!/\{[{%]/.test(template)) return template
  const { Liquid } = await import('liquidjs')
  const engine = new Liquid({
    // Instead of a file system: no template but this one.
    templates: {},
    ownPropertyOnly: true,
    strictFilters: true,
    strictVariables: true,
    // `if` and `default` may ask for what is not there.
    lenientIf: true,
    dynamicPartials: false,
    parseLimit: MAX_TEMPLATE,
    renderLimit: MAX_MS,
    memoryLimit: MAX_MEMORY,
    timezoneOffset: 0,
    ...(escape && { outputEscape: (value: unknown) => escape(textOf(value)) }),
  })
  tame(engine)
  try {
    return String(engine.parseAndRenderSync(template, scope))
  } catch (error) {
    const reason = error instanceof Error ? error.message : ''
    throw new Fault('usage', `the message: ${safeLine(reason, 200)}`)
  }
}

/** Takes from a filter what would keep the server from all else for long. */
function tame(engine: Liquid): void {
  for (const name of Object.keys(engine.filters)) if (EVALUATING.test(name)) delete engine.filters[name]
  for (const name of FOLLOWING) {
    const filter = engine.filters[name]
    if (typeof filter !== 'function') throw new Error(`there is no filter ${name}`)
    engine.registerFilter(name, function (value: unknown, path: unknown, ...more: unknown[]) {
      if (String(path).split('.', MAX_PATH + 1).length > MAX_PATH) {
        throw new Error(`${name}: its path has over ${MAX_PATH} names`)
      }
      return filter.call(this, value, path, ...more) as unknown
    })
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === null || value === undefined ? '' : JSON.stringify(value)
}
