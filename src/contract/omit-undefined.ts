/** Objects without the members that are undefined: JSON, spreads and optional properties all want them absent. */

/** `T` with every member that may be undefined as an optional one that may not. */
export type Present<T extends object> = Simplify<
  { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
    [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
  }
>
type Simplify<T> = { [K in keyof T]: T[K] }

/**
 * A copy of `members` without those that are undefined; null, false, 0 and '' stay. Not deep.
 * In place of `...(x === undefined ? {} : { x })`, which `exactOptionalPropertyTypes` asks for otherwise.
 */
export function present<T extends object>(members: T): Present<T> {
  const known = Object.entries(members).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as Present<T>
}
