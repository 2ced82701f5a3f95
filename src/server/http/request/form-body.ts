/** Reads the forms that browsers send. */
import * as v from 'valibot'
import type { BodySource } from './request-body.ts'

/** A login or a decision has a few hundred bytes. */
const MAX_FORM_BYTES = 16 * 1024
/** Of somebody who is let in: a secret, in which each character may take nine bytes. */
export const MAX_FORM_BYTES_INSIDE = 64 * 1024

/** A form, checked; undefined when it is too large, of another type, or not what the schema accepts. */
export async function readForm<T>(
  source: BodySource,
  schema: v.GenericSchema<unknown, T>,
): Promise<T | undefined> {
  const form = await readFormFields(source)
  return form && parseForm(form, schema)
}

/** A form as it was sent; undefined when it is larger than `most` bytes or of another type. */
export async function readFormFields(
  source: BodySource,
  most = MAX_FORM_BYTES,
): Promise<URLSearchParams | undefined> {
  if (!isForm(source.headers)) return undefined
  if (Number(source.headers.get('content-length') ?? 0) > most) return undefined
  const body = await source.body()
  return body.length > most ? undefined : new URLSearchParams(body.toString())
}

/** Whether a body is a form, by its content type. */
export function isForm(headers: Headers): boolean {
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  return type === 'application/x-www-form-urlencoded'
}

/**
 * The fields of a form, checked; undefined when the schema does not accept them. A field that is given twice is
 * refused, because which one counts must never be a question, unless it is one of `lists`: their values always come
 * as an array.
 */
export function parseForm<T>(
  form: URLSearchParams,
  schema: v.GenericSchema<unknown, T>,
  lists: readonly string[] = [],
): T | undefined {
  const fields: Record<string, string | string[]> = {}
  for (const name of new Set([...form.keys(), ...lists])) {
    const values = form.getAll(name)
    if (lists.includes(name)) fields[name] = values
    else if (values.length === 1 && values[0] !== undefined) fields[name] = values[0]
    else return undefined
  }
  const parsed = v.safeParse(schema, fields)
  return parsed.success ? parsed.output : undefined
}
