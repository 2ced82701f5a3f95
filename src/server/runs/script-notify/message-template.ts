/** Renders the Liquid template of a message. */
import type { Liquid } from 'liquidjs'
import { Fault } from '../../../contract/fault.ts'
import { safeLine } from '../../../platform/terminal/make-text-printable.ts'

/** A template comes from a script that is not trusted: each limit here is far above what a message needs. */
const MAX_TEMPLATE = 64 * 1024
/** During this time the server does nothing else. LiquidJS counts time on the wall, so a busy machine needs some. */
const MAX_MS = 200
/** In LiquidJS's own count: characters and elements that filters make. */
const MAX_MEMORY = 128 * 1024
/** Filters that evaluate an expression for each element: LiquidJS checks no limit before the last of them. */
const EVALUATING = /_exp$/
/** Filters that follow a path in each element, which LiquidJS does not limit either; and how long a path may be. */
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
 * Liquid without files, code or inherited properties. A name that is not known is an error, so that nobody gets the
 * message "Build of  is ".
 * @param escape is applied to each value; `| raw` leaves a value as it is
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
    // Instead of a file system: there is no other template.
    templates: {},
    ownPropertyOnly: true,
    strictFilters: true,
    strictVariables: true,
    // `if` and `default` may ask for a name that is not set.
    lenientIf: true,
    dynamicPartials: false,
    parseLimit: MAX_TEMPLATE,
    renderLimit: MAX_MS,
    memoryLimit: MAX_MEMORY,
    timezoneOffset: 0,
    ...(escape && { outputEscape: (value: unknown) => escape(textOf(value)) }),
  })
  limitFilters(engine)
  try {
    return String(engine.parseAndRenderSync(template, scope))
  } catch (error) {
    const reason = error instanceof Error ? error.message : ''
    throw new Fault('usage', `the message: ${safeLine(reason, 200)}`)
  }
}

/** Removes or limits the filters that could block the server for long. */
function limitFilters(engine: Liquid): void {
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
