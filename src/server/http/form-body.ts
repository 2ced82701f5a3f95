import * as v from 'valibot'

/** A login or a decision has a few hundred bytes. */
const MAX_FORM_BYTES = 16 * 1024

/** A browser's form, checked; undefined when it is too large, of another type, or not what was expected. */
export async function readForm<T>(
  request: Request,
  schema: v.GenericSchema<unknown, T>,
): Promise<T | undefined> {
  const fields = await readFormFields(request)
  if (!fields) return undefined
  const names = [...fields.keys()]
  // A field given twice is somebody's trick: which one counts must never be a question.
  if (new Set(names).size !== names.length) return undefined
  const parsed = v.safeParse(schema, Object.fromEntries(fields))
  return parsed.success ? parsed.output : undefined
}

/** A browser's form as it came; undefined when it is larger than 16 KiB or of another type. */
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
