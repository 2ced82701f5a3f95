/** Reads the forms that browsers send. */
import * as v from 'valibot'

/** A login or a decision has a few hundred bytes. */
const MAX_FORM_BYTES = 16 * 1024

/** A form, checked; undefined when it is too large, of another type, or not what the schema accepts. */
export async function readForm<T>(
  request: Request,
  schema: v.GenericSchema<unknown, T>,
): Promise<T | undefined> {
  const form = await readFormFields(request)
  return form && parseForm(form, schema)
}

/** A form as it was sent; undefined when it is larger than 16 KiB or of another type. */
export async function readFormFields(request: Request): Promise<URLSearchParams | undefined> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') return undefined
  if (Number(request.headers.get('content-length') ?? 0) > MAX_FORM_BYTES) return undefined
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_FORM_BYTES) return undefined
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString())
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
