/** Parses what a script passes to a host call, with errors that name the field and never its value. */
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { Secret } from '../../redact/secret.ts'

/** @param what the input is called in the error @throws Fault `usage` naming the field */
export function parse<T>(schema: v.GenericSchema<unknown, T>, input: unknown, what: string): T {
  const parsed = v.safeParse(schema, input)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const path = v.getDotPath(issue)
  const at = path === null ? what : `${what}${what.endsWith('.') ? '' : ': '}${path.slice(0, 100)}`
  throw new Fault('usage', `${at} ${reasonOf(issue)}`)
}

/** What is wrong with a field. The messages of valibot itself repeat the value, so they are replaced. */
export function reasonOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'strict_object' && issue.expected === 'never') return 'is not known'
  if (issue.received === 'undefined') return 'is missing'
  if (!issue.message.startsWith('Invalid ')) return issue.message
  // Where a field has several forms, the message about the form that fits best.
  const nearest = issue.issues?.find(({ message }) => !message.startsWith('Invalid '))
  return nearest?.message ?? 'has the wrong type'
}

/** A text that may come from a secret, and stays a `Secret` until it is used. */
export const secretText = v.pipe(
  v.union([v.string(), v.instance(Secret)]),
  v.transform((value) => (value instanceof Secret ? value : new Secret(value))),
  v.check((value) => value.isText && !value.bytes().includes(0), 'is not text'),
)

/** A text that needs no secrecy, though it may be stored as a secret: a name, an address. */
export const plainText = v.pipe(
  secretText,
  v.transform((value) => value.reveal()),
)
