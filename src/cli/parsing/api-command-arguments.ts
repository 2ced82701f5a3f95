/** The arguments of `fob api`: a method and a path, headers, and fields as `gh api` has them. */
import { Fault } from '../../contract/fault.ts'
import { alternatives } from './check-arguments.ts'

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'] as const
export type Method = (typeof METHODS)[number]

export type FieldValue = string | number | boolean | null
/** `a[b]=1` is the value 1 at `['a', 'b']`; an empty step adds to a list. */
export interface Field {
  path: readonly string[]
  value: FieldValue
}

/**
 * `POST PATH`, or `PATH` alone: then what fields and `--input` ask for.
 * @throws Fault `usage`
 */
export function parseTarget(
  first: string,
  second: string | undefined,
  hasBody: boolean,
): { method: Method; path: string } {
  if (second === undefined) return { method: hasBody ? 'POST' : 'GET', path: parsePath(first) }
  const method = METHODS.find((known) => known === first.toUpperCase())
  if (method === undefined) throw new Fault('usage', `the method is ${alternatives(METHODS)}`)
  return { method, path: parsePath(second) }
}

/** A path on the server; without a slash in front, below `/api/`. @throws Fault `usage` */
function parsePath(text: string): string {
  if (METHODS.some((method) => method === text)) throw new Fault('usage', `fob api ${text} needs PATH`)
  // The credential goes to the server that it is for, and to no address that is pasted here.
  if (/^[a-z][a-z0-9+.-]*:/i.test(text) || text.startsWith('//') || text.includes('\\')) {
    throw new Fault('usage', 'fob api takes a path on the server, not an address', {
      hint: 'name the server with -s URL, and the path as /api/runs',
    })
  }
  if (text.includes('#')) throw new Fault('usage', 'a path has no "#"')
  if (text.startsWith('/')) return text
  return text.startsWith('api/') ? `/${text}` : `/api/${text}`
}

/** Headers that carry a credential or say how the request is sent: they are fob's own to set. */
const OWN_HEADERS =
  /^(?:authorization|proxy-.*|cookie|dpop|host|connection|content-length|transfer-encoding|upgrade|x-service-key|x-runner-token)$/i

/** @throws Fault `usage` */
export function parseHeaders(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t -~]*)$/.exec(text) ?? []
      if (name === '') throw new Fault('usage', '--header takes NAME: VALUE')
      if (OWN_HEADERS.test(name)) {
        throw new Fault('usage', `--header cannot set ${name.toLowerCase()}`, {
          hint: 'a credential comes from fob auth login, FOB_TOKEN or --auth-token',
        })
      }
      return [name.toLowerCase(), value.trimEnd()]
    }),
  )
}

/** `KEY=VALUE`, the value as a text. @throws Fault `usage` */
export function parseField(text: string, flag: string): { path: string[]; value: string } {
  const at = text.indexOf('=')
  const key = text.slice(0, Math.max(0, at))
  if (!/^[^[\]=]+(?:\[[^[\]]*\])*$/.test(key)) {
    throw new Fault('usage', `${flag} takes KEY=VALUE, KEY[NAME]=VALUE or KEY[]=VALUE`)
  }
  const [name = '', ...steps] = key.split('[')
  return { path: [name, ...steps.map((step) => step.slice(0, -1))], value: text.slice(at + 1) }
}

/** What `-F` makes of a value: true, false, null and whole numbers are themselves. */
export function typed(value: string): FieldValue {
  if (value === 'true' || value === 'false') return value === 'true'
  if (value === 'null') return null
  return /^-?\d+$/.test(value) && Number.isSafeInteger(Number(value)) ? Number(value) : value
}

/** The fields as a query: nested keys as they were typed. */
export function asQuery(fields: readonly Field[]): [name: string, value: string][] {
  return fields.map(({ path: [name = '', ...steps], value }) => [
    [name, ...steps.map((step) => `[${step}]`)].join(''),
    value === null ? '' : String(value),
  ])
}

type Node =
  | { kind: 'value'; value: FieldValue }
  | { kind: 'list'; items: Node[] }
  | { kind: 'record'; entries: Map<string, Node> }

/** The fields as JSON. @throws Fault `usage` where one is a value, a list and a record at once */
export function asJson(fields: readonly Field[]): string {
  let root: Node = { kind: 'record', entries: new Map() }
  for (const { path, value } of fields) root = withValue(root, path, value)
  return JSON.stringify(plain(root))
}

function withValue(node: Node | undefined, [step, ...below]: readonly string[], value: FieldValue): Node {
  if (step === undefined) {
    if (node !== undefined && node.kind !== 'value') throw contradiction()
    return { kind: 'value', value }
  }
  if (step === '') {
    const list: Node = node ?? { kind: 'list', items: [] }
    if (list.kind !== 'list') throw contradiction()
    list.items.push(withValue(undefined, below, value))
    return list
  }
  const record: Node = node ?? { kind: 'record', entries: new Map() }
  if (record.kind !== 'record') throw contradiction()
  record.entries.set(step, withValue(record.entries.get(step), below, value))
  return record
}

function contradiction(): Fault {
  return new Fault('usage', 'a field is a value in one place, and a list or a record in another')
}

function plain(node: Node): unknown {
  if (node.kind === 'value') return node.value
  if (node.kind === 'list') return node.items.map(plain)
  return Object.fromEntries([...node.entries].map(([name, below]) => [name, plain(below)]))
}
