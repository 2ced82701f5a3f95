/** The body of the route with which people change their own password. */
import * as v from 'valibot'

const password = (what: string) =>
  v.pipe(v.string(), v.nonEmpty(`${what} is empty`), v.maxLength(1024, `${what} has at most 1024 characters`))

/** `PUT /api/auth/password` */
export const changePasswordBody = v.strictObject({
  current: password('current'),
  password: password('password'),
})

export const changedPassword = v.looseObject({ changed: v.literal(true) })
