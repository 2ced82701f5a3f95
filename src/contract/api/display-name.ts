/** The names that people give to tokens and runners. */
import * as v from 'valibot'

/** A name for people: one line without control characters. */
export const displayName = v.pipe(
  v.string(),
  v.trim(),
  v.nonEmpty('the name is empty'),
  v.maxLength(100, 'a name has at most 100 characters'),
  v.check((text) => !/\p{Cc}/u.test(text), 'a name has no control characters'),
)
