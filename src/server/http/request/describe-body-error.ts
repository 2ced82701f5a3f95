/** What is wrong with a JSON body, in words. */
import type * as v from 'valibot'
import { nearest } from '../../../contract/nearest-word.ts'
import { safeLine } from '../../../platform/terminal/make-text-printable.ts'

/** `hint`: what was probably meant. */
interface Problem {
  message: string
  hint?: string
}

type Issue = v.BaseIssue<unknown>

/**
 * The first issue that a schema of an object reports, with the name of the field and never its value, which may be a
 * secret. An unknown field is reported before a missing one: it may be that one, misspelt.
 */
export function problemOf(issues: readonly [Issue, ...Issue[]], schema: object): Problem {
  const issue = issues.find(isUnknownField) ?? issues[0]
  const path = issue.path ?? []
  const field = path.map(({ key }) => safeLine(String(key), 60)).join('.')
  if (field === '') return { message: hasOwnWords(issue) ? issue.message : 'the body is not accepted' }
  if (isUnknownField(issue)) {
    const meant = path.length === 1 ? nearest(field, fieldsOf(schema)) : undefined
    return {
      message: `${field} is not known here`,
      ...(meant === undefined ? {} : { hint: `did you mean "${meant}"?` }),
    }
  }
  if (isMissingField(issue)) return { message: `${field} is missing` }
  return { message: hasOwnWords(issue) ? `${field}: ${issue.message}` : `${field} ${wanted(issue)}` }
}

/** Whether our schema has the message: valibot's default messages quote the value. */
function hasOwnWords({ message, received }: Issue): boolean {
  return !message.startsWith('Invalid ') && (received === null || !message.includes(received))
}

function isUnknownField(issue: Issue): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never'
}

function isMissingField(issue: Issue): boolean {
  return issue.type === 'strict_object' && issue.path?.at(-1)?.origin === 'key'
}

function fieldsOf(schema: object): string[] {
  const entries = 'entries' in schema ? schema.entries : undefined
  return typeof entries === 'object' && entries !== null ? Object.keys(entries) : []
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'must be text',
  number: 'must be a number',
  boolean: 'must be true or false',
  array: 'must be a list',
  strict_object: 'must be an object',
  record: 'must be an object',
}

/** What a schema without a message of its own expects: `expected` is `>=1`, or `("a" | "b")`. */
function wanted({ type, expected }: Issue): string {
  const bound = expected?.replace(/^[<>]=/, '') ?? ''
  if (type === 'min_value') return `must be at least ${bound}`
  if (type === 'max_value') return `must be at most ${bound}`
  if (type === 'max_length') return `must have at most ${bound} characters`
  if (type === 'picklist') return `must be one of ${bound.replace(/[()"]/g, '').replaceAll(' | ', ', ')}`
  return KINDS[type] ?? 'is not accepted'
}
